//go:build linux

package attack

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"i2ptoolkit/pkg/control/client"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
	"i2ptoolkit/pkg/routerinfo"
)

// attacks are those that there are, by name. Where one of a kind is stronger than another,
// that is the one which is done together with others. The brief ones are those of a short
// run. The one that nothing makes takes part in the network itself.
var attacks = []struct {
	name            string
	together, brief bool
	make            func(*stage) Attack
}{
	{"identities", true, true, func(s *stage) Attack {
		return &Flood{Victim: s.victim, Dial: from(netip.MustParseAddr("45.1.1.1")), Rate: 500}
	}},
	{"marker", true, true, nil},
	{"junk400", false, false, func(s *stage) Attack { return s.junk(400) }},
	{"junk5000", true, true, func(s *stage) Attack { return s.junk(5000) }},
	{"crowd", true, true, func(s *stage) Attack {
		return Together{
			&Crowd{Victim: s.victim, Dials: v4(63), Each: 17},
			&Crowd{Victim: s.victim, Dials: v6(64), V6: true, Each: 17},
		}
	}},
	{"silence", true, true, func(s *stage) Attack {
		return Together{
			&Silence{Victim: s.victim, Dials: v4(32), Each: 8},
			&Silence{Victim: s.victim, Dials: v6(32), V6: true, Each: 8},
		}
	}},
	{"hoard400", false, false, func(s *stage) Attack {
		return &Hoard{Victim: s.victim, Dials: repeat(v4(1), 16), Rate: 400}
	}},
	{"hoard1000", true, true, func(s *stage) Attack { return &Hoard{Victim: s.victim, Dials: v4(20), Rate: 1000} }},
	{"unread", true, true, func(s *stage) Attack { return s.streams(70, true) }},
	{"idle", true, true, func(s *stage) Attack { return s.streams(2000, false) }},
	{datagrams, true, true, func(s *stage) Attack {
		d := &Datagrams{Victim: s.victim, Bind: bind, Junk: v4Ports(64, 10), Replay: v4Ports(64, 11), Rate: 10_000}
		for _, ri := range s.others { // the victim has sessions with them
			if t, err := targetOf(ri); err == nil {
				d.As = append(d.As, t.At)
			}
		}
		return d
	}},
	{halfOpen, true, true, func(s *stage) Attack {
		one, n := netip.MustParseAddr("45.9.1.1"), uint32(0)
		return Together{
			&HalfOpen{Victim: s.victim, Bind: bind, Rate: 50, From: func() netip.Addr { return one }},
			&HalfOpen{Victim: s.victim, Bind: bind, Rate: 300, From: func() netip.Addr {
				i := atomic.AddUint32(&n, 1)
				return netip.AddrFrom4([4]byte{45, 12 + byte(i>>16), byte(i >> 8), byte(i)})
			}},
		}
	}},
	{stores, false, false, func(s *stage) Attack {
		return &Records{Victim: s.victim, Dial: from(netip.MustParseAddr("45.1.2.1")), Rate: 1000, Name: stores, Next: ForgedStore}
	}},
	{questions, false, false, func(s *stage) Attack {
		return &Records{Victim: s.victim, Dial: from(netip.MustParseAddr("45.1.3.1")), Rate: 1000, Name: questions, Next: Question(slices.Collect(maps.Keys(s.others)))}
	}},
}

// The attacks on a floodfill. Where RouterInfos are stored, a restart finds forged ones on disk, too.
const (
	stores    = "stores"
	questions = "questions"
	onDisk    = 100_000
)

// The attacks over UDP.
const (
	datagrams = "datagrams"
	halfOpen  = "halfopen"
)

// stageVariable has the stage of a program that is to attack.
const stageVariable = "I2P_ATTACK_STAGE"

// stage is what an attacker knows, in a program of its own on the hostile host: it must not take
// the time of those who measure.
type stage struct {
	Name    string
	Info    string // file of the victim's RouterInfo
	Known   string // directory of those of others
	Lookups string // control socket of a router that looks things up
	Own     string // control socket of the attacker's
	Service string
	Door    Door // that is attacked, on the victim's machine; empty: the router is

	victim *routerinfo.RouterInfo
	others map[i2p.Hash]*routerinfo.RouterInfo
}

// TestMain lets this program be the attacker.
func TestMain(m *testing.M) {
	if os.Getenv(stageVariable) == "" {
		os.Exit(m.Run())
	}
	if err := attackOutside(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// attackOutside goes on until the input ends, and writes the counts.
func attackOutside() error {
	s := &stage{others: make(map[i2p.Hash]*routerinfo.RouterInfo)}
	err := json.Unmarshal([]byte(os.Getenv(stageVariable)), s)
	if err != nil {
		return err
	}
	if s.victim, err = readInfo(s.Info); err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(s.Known, "*.dat"))
	for _, f := range files {
		ri, err := readInfo(f)
		if err != nil {
			return err
		}
		s.others[ri.Hash()] = ri
	}
	if err != nil {
		return err
	}
	running := Start(context.Background(), s.attack())
	io.Copy(io.Discard, os.Stdin)
	running.Stop()
	return json.NewEncoder(os.Stdout).Encode(running.Counts())
}

// attack is the one that the stage names.
func (s *stage) attack() Attack {
	if s.Door != "" {
		return doorAttacks[s.Name](s.Door)
	}
	for _, a := range attacks {
		if a.name == s.Name && a.make != nil {
			return a.make(s)
		}
	}
	panic("no attack is called " + s.Name)
}

func readInfo(file string) (*routerinfo.RouterInfo, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return routerinfo.Parse(b)
}

// from connects from an address of the host on which this program runs.
func from(addr netip.Addr) dialFunc {
	d := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(addr, 0)), Timeout: handshakeTimeout}
	return func(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
		return d.DialContext(ctx, "tcp", to.String())
	}
}

// v4 are n addresses, in four ranges of 65,536.
func v4(n int) (out []dialFunc) {
	for i := range n {
		out = append(out, from(netip.AddrFrom4([4]byte{45, byte(4 + i%4), 7, byte(1 + i)})))
	}
	return out
}

// v4Ports are n addresses with a port, each of a range of 256.
func v4Ports(n int, second byte) (out []netip.AddrPort) {
	for i := range n {
		out = append(out, netip.AddrPortFrom(netip.AddrFrom4([4]byte{45, second, byte(i), 1}), 5000))
	}
	return out
}

// bind binds a socket to an address of this host, or of another one, in whose name it speaks.
func bind(ctx context.Context, at netip.AddrPort) (*net.UDPConn, error) {
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) (err error) {
		return errors.Join(c.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_TRANSPARENT, 1) }), err)
	}}
	conn, err := lc.ListenPacket(ctx, "udp4", at.String())
	if err != nil {
		return nil, err
	}
	return conn.(*net.UDPConn), nil
}

// v6 are n of the /64s of one /56.
func v6(n int) (out []dialFunc) {
	for i := range n {
		out = append(out, from(netip.MustParseAddr(fmt.Sprintf("2a0b:4500:1:%x::1", i))))
	}
	return out
}

func repeat(d []dialFunc, n int) (out []dialFunc) {
	for range n {
		out = append(out, d...)
	}
	return out
}

func (s *stage) junk(rate float64) Attack {
	lookups := client.New(s.Lookups)
	return &Junk{
		Dial: from(netip.MustParseAddr("45.3.1.1")), Rate: rate,
		Leases: func(ctx context.Context) ([]leaseset.Lease, error) { return leasesOf(ctx, lookups, s.Service) },
		Router: func(h i2p.Hash) *routerinfo.RouterInfo { return s.others[h] },
	}
}

func (s *stage) streams(n int, write bool) Attack {
	return &Streams{Router: client.New(s.Own), To: s.Service, Count: n, Write: write}
}

// outside is an attack by a program of its own.
type outside struct {
	l    *live
	name string
	door Door // empty: the router itself is attacked, from elsewhere

	mu     sync.Mutex
	counts map[string]uint64 // once it has ended
}

// Counts is Attack's.
func (o *outside) Counts() map[string]uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return maps.Clone(o.counts)
}

// Run is Attack's.
func (o *outside) Run(ctx context.Context) {
	counts, err := o.run(ctx)
	if err != nil {
		o.l.t.Errorf("%s: %v", o.name, err)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.counts = counts
}

func (o *outside) run(ctx context.Context) (counts map[string]uint64, err error) {
	s := stage{
		Name: o.name, Info: filepath.Join(o.l.Victim.dir, "router.info"), Known: o.l.known(),
		Lookups: o.l.Honest[0].Path(), Service: o.l.Service, Door: o.door,
	}
	host := o.l.hostile
	if o.door != "" {
		host = o.l.Victim.host
	}
	if o.door == "" && (o.name == "unread" || o.name == "idle") {
		// Streams come of a router that is the attacker's own.
		r, err := o.l.start(ctx, "hostile-"+o.name, o.l.hostile, "--config", os.DevNull, "--bootstrap", o.l.known(), "--port", strconv.Itoa(20000+len(o.name)))
		if err != nil {
			return nil, err
		}
		defer r.Kill()
		s.Own = r.Path()
	}
	text, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	var out, said bytes.Buffer
	cmd := exec.Command("nice", "-n", "10", os.Args[0])
	cmd.Env = append(os.Environ(), stageVariable+"="+string(text))
	cmd.Stdout, cmd.Stderr = &out, &said
	stop, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := host.Start(cmd); err != nil {
		return nil, err
	}
	<-ctx.Done()
	stop.Close()
	if err := cmd.Wait(); err != nil {
		return nil, fmt.Errorf("%w: %s", err, said.String())
	}
	return counts, json.Unmarshal(out.Bytes(), &counts)
}
