package udpforward

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"i2ptoolkit/pkg/datagram"
	"i2ptoolkit/pkg/i2p"
)

// pair is a Client and a Server with each other: local port 100 leads to 200.
type pair struct {
	*world
	client     *Client
	server     *Server
	near, far  i2p.Destination
	target     *socket
	endClient  func()
	endServer  func()
	unresolved atomic.Bool // Resolve fails
}

const (
	clientPort, targetPort = 100, 200
	serverPort             = 7
)

func newPair(t *testing.T, w *world, client ClientConfig, server ServerConfig) *pair {
	t.Helper()
	p := &pair{world: w, near: destination(t), far: destination(t)}
	p.target = w.socket(targetPort)
	server.Listen = w.at(p.far, serverPort)
	server.Dial = func(i2p.Hash) (net.Conn, error) { return w.dial(targetPort), nil }
	p.server = NewServer(server)
	client.Port, client.Listen = serverPort, w.free(p.near)
	client.Resolve = func(context.Context) (i2p.Destination, error) {
		if p.unresolved.Load() {
			return i2p.Destination{}, errors.New("not yet")
		}
		return p.far, nil
	}
	p.client = NewClient(client)
	p.endServer = run(t, p.server.Serve)
	p.endClient = run(t, func(ctx context.Context) error { return p.client.Serve(ctx, w.socket(clientPort)) })
	synctest.Wait()
	return p
}

func (p *pair) end() {
	p.endClient()
	p.endServer()
}

// TestForward: each local address has a flow of its own, and gets its own answers.
func TestForward(t *testing.T) {
	for _, signed := range []bool{false, true} {
		for _, protocol := range []byte{0, datagram.Repliable, datagram.Datagram2, datagram.Datagram3} {
			if signed && protocol == datagram.Datagram3 {
				continue
			}
			inWorld(t, func(t *testing.T, w *world) {
				p := newPair(t, w, ClientConfig{Protocol: protocol, Signed: signed}, ServerConfig{Signed: signed})
				apps := []*socket{w.socket(0), w.socket(0)}
				for _, app := range apps {
					app.says("question", clientPort)
				}
				asked := p.target.hears()
				if len(asked) != 2 || asked[0].from == asked[1].from || string(asked[0].payload) != "question" {
					t.Fatalf("%v", asked)
				}
				for i, a := range asked {
					p.target.says([]string{"first", "second"}[i], a.from.Port())
				}
				for i, app := range apps {
					if got := app.heard(); !slices.Equal(got, []string{[]string{"first", "second"}[i]}) {
						t.Errorf("%d heard %q", i, got)
					}
				}
				apps[0].says("more", clientPort)
				if got := p.target.hears(); len(got) != 1 || got[0].from != asked[0].from {
					t.Errorf("another flow: %v", got)
				}
				st, sv := p.client.Stats(), p.server.Stats()
				if st.Flows != 2 || st.Opened != 2 || st.Out != 3 || st.In != 2 || sv.Flows != 2 || sv.In != 3 || sv.Out != 2 || sv.BytesOut != 11 {
					t.Errorf("%+v, %+v", st, sv)
				}
				p.end()
				if p.client.Stats().Flows != 0 || p.server.Stats().Flows != 0 || len(w.ports) != 0 || len(w.sockets) != 3 {
					t.Errorf("left: %v %v", w.ports, w.sockets)
				}
			})
		}
	}
}

// TestTelling: a flow says from whom it is at first, more often until there is an answer, and again
// after each second; answers are raw.
func TestTelling(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		p := newPair(t, w, ClientConfig{}, ServerConfig{})
		defer p.end()
		app := w.socket(0)
		send := func(pause time.Duration, want ...byte) {
			t.Helper()
			time.Sleep(pause)
			for range want {
				app.says("x", clientPort)
			}
			if got := w.protocols(); !slices.Equal(got, want) {
				t.Errorf("%v, want %v", got, want)
			}
		}
		const signed, raw = datagram.Repliable, datagram.Raw
		send(0, signed, raw, raw)
		send(99*time.Millisecond, raw)
		send(time.Millisecond, signed, raw)
		p.target.says("answer", p.target.hears()[0].from.Port())
		if got := w.protocols(); !slices.Equal(got, []byte{raw}) {
			t.Errorf("the answer: %v", got)
		}
		send(999*time.Millisecond, raw)
		send(time.Millisecond, signed, raw)
	})
}

// TestIdle: flows that are silent end on both sides, and begin anew.
func TestIdle(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		p := newPair(t, w, ClientConfig{}, ServerConfig{})
		defer p.end()
		app := w.socket(0)
		app.says("x", clientPort)
		first := p.target.hears()[0].from
		time.Sleep(119 * time.Second)
		p.target.says("y", first.Port()) // it is not silent
		time.Sleep(119 * time.Second)
		synctest.Wait()
		if p.client.Stats().Flows != 1 || p.server.Stats().Flows != 1 {
			t.Error("a living flow has ended")
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if p.client.Stats().Flows != 0 || p.server.Stats().Flows != 0 || len(w.sockets) != 3 || len(w.ports) != 1 {
			t.Error("a silent flow has not ended")
		}
		app.says("x", clientPort)
		if got := p.target.hears(); len(got) != 1 || got[0].from == first {
			t.Errorf("%v", got)
		}
	})
}

// TestFull: too many flows are refused, unless one has been silent.
func TestFull(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		p := newPair(t, w, ClientConfig{Limits: Limits{Flows: 2}}, ServerConfig{Limits: Limits{PeerFlows: 1}})
		defer p.end()
		for range 3 {
			w.socket(0).says("x", clientPort)
		}
		if st, sv := p.client.Stats(), p.server.Stats(); st.Flows != 2 || st.Crowded != 1 || sv.Flows != 1 || sv.Crowded != 1 {
			t.Errorf("%+v %+v", st, sv)
		}
		time.Sleep(spared)
		w.socket(0).says("x", clientPort)
		if st := p.client.Stats(); st.Flows != 2 || st.Evicted != 1 || st.Opened != 3 {
			t.Errorf("%+v", st)
		}
	})
}

// TestServerFull: peers share the flows of a server.
func TestServerFull(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		p := newPair(t, w, ClientConfig{}, ServerConfig{Limits: Limits{Flows: 2}})
		defer p.end()
		say := func() {
			w.listen(destination(t), 5).WriteMessage(datagram.Message{Protocol: datagram.Repliable, Peer: p.far.Hash(), PeerPort: serverPort, Payload: []byte("x")})
			synctest.Wait()
		}
		for range 3 {
			say()
		}
		if st := p.server.Stats(); st.Flows != 2 || st.Crowded != 1 || st.Evicted != 0 {
			t.Errorf("%+v", st)
		}
		time.Sleep(spared)
		say()
		if st := p.server.Stats(); st.Flows != 2 || st.Evicted != 1 || len(p.server.guard.peers) != 2 || len(w.sockets) != 4 {
			t.Errorf("%+v, %d sockets", st, len(w.sockets))
		}
	})
}

// TestRaw: a raw datagram belongs to the only flow with its ports. Where two peers have the same,
// it is nobody's.
func TestRaw(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		p := newPair(t, w, ClientConfig{}, ServerConfig{})
		defer p.end()
		say := func(from *port, protocol byte, payload string) {
			t.Helper()
			if err := from.WriteMessage(datagram.Message{Protocol: protocol, Peer: p.far.Hash(), PeerPort: serverPort, Payload: []byte(payload)}); err != nil {
				t.Fatal(err)
			}
		}
		a, b := w.listen(destination(t), 5), w.listen(destination(t), 5)
		say(a, datagram.Raw, "unknown")
		say(a, datagram.Repliable, "hello")
		say(a, datagram.Raw, "mine")
		if got := p.target.heard(); !slices.Equal(got, []string{"hello", "mine"}) {
			t.Errorf("%q", got)
		}
		say(b, datagram.Repliable, "other")
		say(a, datagram.Raw, "whose")
		say(a, datagram.Repliable, "signed")
		if got := p.target.heard(); !slices.Equal(got, []string{"other", "signed"}) {
			t.Errorf("%q", got)
		}
		if st := p.server.Stats(); st.Refused != 2 {
			t.Errorf("%+v", st)
		}
	})
}

// TestRefused: who is not allowed, or cannot prove who they are where that is asked for, gets
// nothing through either way.
func TestRefused(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		stranger := destination(t)
		p := newPair(t, w, ClientConfig{}, ServerConfig{Allows: func(peer i2p.Hash, proven bool) bool { return proven && peer != stranger.Hash() }})
		defer p.end()
		for _, protocol := range datagram.Protocols {
			w.listen(stranger, 5).WriteMessage(datagram.Message{Protocol: protocol, Peer: p.far.Hash(), PeerPort: serverPort, Payload: []byte("x")})
		}
		w.listen(p.near, 5).WriteMessage(datagram.Message{Protocol: datagram.Datagram3, Peer: p.far.Hash(), PeerPort: serverPort, Payload: []byte("x")})
		if got := p.target.heard(); got != nil || p.server.Stats().Refused != 5 || p.server.Stats().Flows != 0 {
			t.Errorf("%q, %+v", got, p.server.Stats())
		}
		app := w.socket(0)
		app.says("x", clientPort)
		for _, protocol := range []byte{datagram.Repliable, datagram.Datagram2, datagram.Datagram3} {
			w.listen(stranger, 5).WriteMessage(datagram.Message{Protocol: protocol, Peer: p.near.Hash(), PeerPort: w.sent[len(w.sent)-1].Port, Payload: []byte("x")})
		}
	})
	inWorld(t, func(t *testing.T, w *world) {
		p := newPair(t, w, ClientConfig{Signed: true}, ServerConfig{Signed: true})
		defer p.end()
		app := w.socket(0)
		app.says("x", clientPort)
		port := w.sent[0].Port
		stranger := w.listen(destination(t), 5)
		for _, protocol := range datagram.Protocols {
			stranger.WriteMessage(datagram.Message{Protocol: protocol, Peer: p.near.Hash(), PeerPort: port, Payload: []byte("x")})
		}
		for _, protocol := range []byte{datagram.Raw, datagram.Datagram3} {
			stranger.WriteMessage(datagram.Message{Protocol: protocol, Peer: p.far.Hash(), PeerPort: serverPort, Payload: []byte("x")})
		}
		if got := app.heard(); got != nil || p.client.Stats().Refused != 4 || p.server.Stats().Refused != 2 {
			t.Errorf("%q, %+v", got, p.client.Stats())
		}
	})
}

// TestResolving: what is sent before the destination is found waits, within bounds.
func TestResolving(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		p := newPair(t, w, ClientConfig{}, ServerConfig{})
		defer p.end()
		p.unresolved.Store(true)
		app := w.socket(0)
		var sent []string
		for i := range maxWaiting + 3 {
			sent = append(sent, string(rune('a'+i)))
			app.says(sent[i], clientPort)
		}
		p.unresolved.Store(false)
		time.Sleep(time.Second)
		if got := p.target.heard(); !slices.Equal(got, sent[:maxWaiting]) || p.client.Stats().Lost != 3 {
			t.Errorf("%q, %+v", got, p.client.Stats())
		}
	})
}

// TestTooLong: what is longer than is forwarded is not forwarded in part.
func TestTooLong(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		p := newPair(t, w, ClientConfig{}, ServerConfig{})
		defer p.end()
		app := w.socket(0)
		for _, n := range []int{maxPayload, maxPayload + 1} {
			app.says(string(bytes.Repeat([]byte("x"), n)), clientPort)
		}
		got := p.target.hears()
		if len(got) != 1 || len(got[0].payload) != maxPayload {
			t.Fatalf("%d", len(got))
		}
		p.target.says(string(bytes.Repeat([]byte("x"), maxPayload+1)), got[0].from.Port())
		if p.client.Stats().Lost != 1 || p.server.Stats().Lost != 1 || app.heard() != nil {
			t.Error("it went through")
		}
	})
}

// TestAcknowledged: who counts what they send learns what has arrived, as i2pd does; what has
// nothing but options goes no further.
func TestAcknowledged(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		p := newPair(t, w, ClientConfig{}, ServerConfig{})
		defer p.end()
		peer := w.listen(destination(t), 5)
		say := func(payload string, options ...i2p.Pair) {
			peer.WriteMessage(datagram.Message{Protocol: datagram.Datagram3, Peer: p.far.Hash(), PeerPort: serverPort, Options: options, Payload: []byte(payload)})
			synctest.Wait()
		}
		ask := i2p.Pair{Key: "flags", Value: "2"}
		say("one", i2p.Pair{Key: "seqn", Value: "7"})
		say("two", ask, i2p.Pair{Key: "seqn", Value: "5"})
		say("", ask)
		for range 2 {
			m, err := peer.ReadMessage()
			if err != nil || m.Protocol != datagram.Datagram3 || m.Options.Get("acked") != "7" || len(m.Payload) != 0 || m.PeerPort != serverPort {
				t.Errorf("%+v: %v", m, err)
			}
		}
		if got := p.target.heard(); !slices.Equal(got, []string{"one", "two"}) {
			t.Errorf("%q", got)
		}
		if len(peer.queue) != 0 {
			t.Error("more answers than were asked for")
		}
	})
}

// TestDestinationEnds: a flow whose port has gone makes place for a new one, and a server whose
// port has gone says so.
func TestDestinationEnds(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		p := newPair(t, w, ClientConfig{}, ServerConfig{})
		defer p.endClient()
		app := w.socket(0)
		app.says("x", clientPort)
		w.ports[place{p.near.Hash(), w.sent[0].Port}].Close()
		synctest.Wait()
		app.says("y", clientPort)
		if st := p.client.Stats(); st.Flows != 1 || st.Opened != 2 || st.Lost != 0 {
			t.Errorf("%+v", st)
		}
		p.endServer()
		s := NewServer(p.server.cfg)
		ended := make(chan error)
		go func() { ended <- s.Serve(t.Context()) }()
		synctest.Wait()
		w.ports[place{p.far.Hash(), serverPort}].Close()
		if err := <-ended; !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	})
}

// lateSocket is read from in the moment of its end, and takes a while to be closed.
type lateSocket struct {
	*socket
	end    context.CancelFunc
	closed atomic.Bool
}

func (s *lateSocket) ReadFromUDPAddrPort([]byte) (int, netip.AddrPort, error) {
	s.end()
	return 0, s.own, nil
}

func (s *lateSocket) Close() error {
	time.Sleep(time.Second)
	s.closed.Store(true)
	return nil
}

// TestAddressIsFree: once a client has ended, another may have its socket's address.
func TestAddressIsFree(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		ctx, cancel := context.WithCancel(t.Context())
		near := &lateSocket{socket: w.socket(clientPort), end: cancel}
		if err := NewClient(ClientConfig{}).Serve(ctx, near); err != nil || !near.closed.Load() {
			t.Errorf("%v, and the socket is closed: %t", err, near.closed.Load())
		}
	})
}
