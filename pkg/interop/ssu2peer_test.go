//go:build linux

package interop

import (
	"bytes"
	"crypto/rand"
	"errors"
	"maps"
	mathrand "math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"i2ptoolkit/pkg/draw"
	"i2ptoolkit/pkg/i2p"
	xk "i2ptoolkit/pkg/noise" // noise is random bytes here
	"i2ptoolkit/pkg/routerinfo"
	"i2ptoolkit/pkg/ssu2"
	"i2ptoolkit/pkg/vectors"
)

// ssu2Router is a router of which only the engine of SSU2 is there: an
// endpoint on a socket, and of the data phase no more than what a network
// without loss needs.
type ssu2Router struct {
	*ssu2.Endpoint
	keys *i2p.PrivateKeys
	cfg  ssu2.Config
	info *routerinfo.RouterInfo
	at   netip.AddrPort
	conn net.PacketConn

	mu       sync.Mutex
	ahead    time.Duration // of its clock
	sessions map[ssu2.ConnectionID]*ssu2Session
	known    map[i2p.Hash]*routerinfo.RouterInfo
	relay    *ssu2.Relay
	tests    *ssu2.PeerTests
	charlie  i2p.Hash // whom we choose as Bob
	vector   *vectors.SSU2
	signed   []signedBlock
	events   chan any // *ssu2Session, ssu2Arrival, *ssu2.Message of a test, ssu2.Failure, *ssu2.RelayRefusal, *ssu2.PeerTestOutcome
	running  sync.WaitGroup
}

// newSSU2Router makes one that is published at an address of the namespace. Its
// RouterInfo has so many more bytes, which compression does not save. change,
// if any, changes the options of its address.
func newSSU2Router(t *testing.T, n *Network, extra int, change func(options map[string]string, hash i2p.Hash)) *ssu2Router {
	t.Helper()
	must := func(err error) {
		if err != nil {
			t.Helper()
			t.Fatal(err)
		}
	}
	r := &ssu2Router{
		sessions: map[ssu2.ConnectionID]*ssu2Session{}, known: map[i2p.Hash]*routerinfo.RouterInfo{},
		events: make(chan any, 1024),
	}
	place, err := n.place()
	must(err)
	r.at = netip.AddrPortFrom(place.addr, portTransport)
	r.keys, err = i2p.GenerateRouter(nil)
	must(err)
	seed := xk.GenerateKey(nil).Private()
	r.cfg = ssu2.Config{
		Static: xk.GenerateKey(nil), NetID: NetID, Options: ssu2.Options{TransmitMax: 1, ReceiveMax: 1},
		Rand: mathrand.NewChaCha8(seed),
	}
	intro := xk.GenerateKey(nil)
	r.cfg.Intro = intro.Private()
	address := map[string]string{
		"s": i2p.EncodeBase64(r.cfg.Static.Public[:]), "i": i2p.EncodeBase64(r.cfg.Intro[:]), "v": "2",
		"host": r.at.Addr().String(), "port": strconv.Itoa(portTransport), "caps": "BC",
	}
	caps := "LR"
	if change != nil {
		if change(address, r.keys.Identity.Hash()); address["host"] == "" {
			caps = "LU"
		}
	}
	options, err := i2p.NewMapping(address)
	must(err)
	more := incompressible(extra)
	maps.Copy(more, map[string]string{"caps": caps, "netId": strconv.Itoa(NetID), "router.version": "0.9.67"})
	r.info, err = routerinfo.Build(routerinfo.BuildConfig{
		Keys: r.keys, Published: i2p.DateOf(time.Now()),
		Addresses: []routerinfo.Address{{Cost: 8, Style: routerinfo.StyleSSU2, Options: options}},
		Options:   more,
	})
	must(err)
	r.cfg.Info = r.info.Bytes
	r.Endpoint = ssu2.NewEndpoint(r.cfg)
	r.known[r.info.Hash()] = r.info
	static := r.cfg.Static.Private()
	r.vector = &vectors.SSU2{Seed: seed[:], NetID: NetID, Static: static[:], Intro: r.cfg.Intro[:], RouterInfo: r.info.Bytes()}
	self := ssu2.Self{
		Hash: r.info.Hash(), Signing: r.keys.Signing, NetID: NetID, Random: draw.From(nil),
		Find:      func(h i2p.Hash) *routerinfo.RouterInfo { return r.known[h] },
		Connected: func(h i2p.Hash) bool { return r.session(h) != nil },
		Address:   func(bool) netip.AddrPort { return r.at },
		Public:    func(netip.Addr) bool { return true }, Introduces: func(i2p.Hash) bool { return true },
	}
	r.relay = ssu2.NewRelay(self, r.Tokens().ForAlice)
	r.tests = ssu2.NewPeerTests(self, func(_ bool, not []i2p.Hash) (i2p.Hash, bool) {
		return r.charlie, !r.charlie.IsZero() && !slices.Contains(not, r.charlie)
	})
	r.conn, err = place.ns.ListenPacket("udp", r.at.String())
	must(err)
	r.running.Go(r.read)
	r.running.Go(r.tick)
	t.Cleanup(func() {
		r.conn.Close()
		r.running.Wait()
	})
	return r
}

// incompressible makes options of so many bytes.
func incompressible(size int) map[string]string {
	options := make(map[string]string)
	for i := range size / 100 {
		b := make([]byte, 75)
		rand.Read(b)
		options["x"+strconv.Itoa(i)] = i2p.EncodeBase64(b)
	}
	return options
}

func (r *ssu2Router) read() {
	b := make([]byte, 2048)
	for {
		n, from, err := r.conn.ReadFrom(b)
		if err != nil {
			return
		}
		r.mu.Lock()
		r.handle(from.(*net.UDPAddr).AddrPort(), b[:n])
		r.mu.Unlock()
	}
}

// tick polls the deadlines, until the socket is closed.
func (r *ssu2Router) tick() {
	for r.conn.SetWriteDeadline(time.Time{}) == nil {
		time.Sleep(20 * time.Millisecond)
		r.mu.Lock()
		now := r.now()
		out := r.Tick(now)
		if len(out.Send) > 0 {
			r.step(vectors.SSU2Step{Time: now.UnixNano(), Tick: true}, out)
		}
		r.take(out)
		r.relayed(r.relay.Tick(now))
		r.tested(r.tests.Tick(now))
		for _, s := range r.sessions {
			if s.Confirmed != nil {
				for _, p := range s.Confirmed.Tick(now) {
					r.write(s.Path.Remote, p)
				}
			}
		}
		r.mu.Unlock()
	}
}

func (r *ssu2Router) write(to netip.AddrPort, b []byte) {
	r.conn.WriteTo(b, net.UDPAddrFromAddrPort(to))
}

func (r *ssu2Router) handle(from netip.AddrPort, packet []byte) {
	from = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
	if len(packet) >= ssu2.MinPacket {
		if s := r.sessions[ssu2.DestOf(&r.cfg.Intro, packet)]; s != nil {
			s.handle(packet)
			return
		}
	}
	now := r.now()
	out := r.Handle(now, from, packet)
	r.step(vectors.SSU2Step{Time: now.UnixNano(), From: from.String(), In: bytes.Clone(packet)}, out)
	r.take(out)
}

func (r *ssu2Router) take(result ssu2.Result) {
	for _, d := range result.Send {
		r.write(d.To, d.Data)
	}
	for _, f := range result.Failed {
		r.events <- f
	}
	switch m := result.Message; {
	case m == nil:
	case m.Header.Type == ssu2.TypeHolePunch:
		r.relayed(r.relay.HandleHolePunch(r.now(), m))
	default:
		r.tested(r.tests.HandleMessage(r.now(), m))
		r.events <- m
	}
	if e := result.Established; e != nil {
		s := &ssu2Session{Established: e, router: r, next: e.NextPacket, parts: map[uint32]map[byte][]byte{}, last: map[uint32]byte{}}
		r.sessions[e.LocalID] = s
		r.known[e.Peer.Info.Hash()] = e.Peer.Info
		if e.Initiator {
			s.packets = len(e.Confirmed.Datagrams)
		} else {
			s.received = []ssu2.Range{{}}
			s.send(s.ack(nil))
		}
		r.events <- s
		for _, p := range result.Early {
			s.handle(p)
		}
	}
}

// session is one with a router.
func (r *ssu2Router) session(with i2p.Hash) *ssu2Session {
	for _, s := range r.sessions {
		if s.Peer.Info.Hash() == with {
			return s
		}
	}
	return nil
}

// sendBlocks sends blocks of relays and peer tests, each behind the RouterInfo
// that it needs.
func (r *ssu2Router) sendBlocks(blocks []ssu2.ToPeer) {
	for _, b := range blocks {
		s := r.session(b.Peer)
		if s == nil {
			continue
		}
		if block, _, err := ssu2.ParseBlock(b.Block); err == nil {
			r.note(s, true, block)
		}
		if b.Before != nil {
			s.send(ssu2.CompressRouterInfo(b.Before.Bytes()).AppendTo(nil))
		}
		s.send(b.Block)
	}
}

func (r *ssu2Router) relayed(result ssu2.RelayResult) {
	for _, d := range result.Send {
		r.write(d.To, d.Data)
	}
	r.sendBlocks(result.Blocks)
	if result.Refused != nil {
		r.events <- result.Refused
	}
	if result.Dial != nil {
		if _, dialled, err := r.Dial(r.now(), *result.Dial); err == nil {
			r.take(dialled)
		}
	}
}

func (r *ssu2Router) tested(result ssu2.PeerTestResult) {
	for _, d := range result.Send {
		r.write(d.To, d.Data)
	}
	r.sendBlocks(result.Blocks)
	if result.Outcome != nil {
		r.events <- result.Outcome
	}
}

// test begins a peer test.
func (r *ssu2Router) test(bob i2p.Hash) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	out, err := r.tests.Begin(r.now(), bob, true)
	r.tested(out)
	return err
}

// ask asks for an introduction.
func (r *ssu2Router) ask(bob i2p.Hash, charlie *routerinfo.RouterInfo, tag ssu2.RelayTag) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	out, err := r.relay.Ask(r.now(), bob, charlie, charlie.SSU2()[0], tag, true)
	r.relayed(out)
	return err
}

// now is the time by this router's clock: all that it does goes by that, its timeouts too.
func (r *ssu2Router) now() time.Time { return time.Now().Add(r.ahead) }

// dial begins a handshake; ahead is how far our clock is.
func (r *ssu2Router) dial(target ssu2.Target, ahead time.Duration) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ahead = ahead
	now := r.now()
	_, result, err := r.Dial(now, target)
	r.step(vectors.SSU2Step{Time: now.UnixNano()}, result)
	r.take(result)
	return err
}

// targetOf is a router as one dials it.
func targetOf(r router) (ssu2.Target, error) {
	b, err := r.RouterInfo()
	if err != nil {
		return ssu2.Target{}, err
	}
	info, err := routerinfo.Parse(b)
	if err != nil {
		return ssu2.Target{}, err
	}
	for _, a := range info.SSU2() {
		if target, ok := ssu2.TargetOf(info, a); ok {
			return target, nil
		}
	}
	return ssu2.Target{}, errors.New("interop: no SSU2 address")
}
