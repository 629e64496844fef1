package i2cpserver

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"i2ptoolkit/pkg/client"
	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/datagram"
	"i2ptoolkit/pkg/destinations"
	"i2ptoolkit/pkg/i2cp"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
	"i2ptoolkit/pkg/noise"
	"i2ptoolkit/pkg/options"
	"i2ptoolkit/pkg/sign"
)

// hall is a router's, of which the test is the network.
type hall struct {
	*Server
	t        testing.TB
	required atomic.Bool

	mu     sync.Mutex
	locals []*local
	known  map[i2p.Hash]*i2p.PrivateKeys // whose lease sets are found
	full   error
}

// local is a destination of the hall.
type local struct {
	*hall
	dest   i2p.Destination
	keeper client.Keeper
	asked  options.Options

	mu     sync.Mutex
	handle client.Handler
	sent   []string
	hinted client.Hints  // with the last
	busy   int           // how often it is busy yet
	stuck  chan struct{} // until when a lookup takes; nil: no time
	closed bool

	unlocked []unlocked
}

type unlocked struct {
	by   leaseset.Reader
	hash i2p.Hash
}

func newHall(t testing.TB) *hall {
	h := &hall{t: t, known: make(map[i2p.Hash]*i2p.PrivateKeys)}
	h.Server = New(Config{
		Open: func(_ context.Context, to i2p.Destination, keeper client.Keeper, asked options.Options) (Local, error) {
			h.mu.Lock()
			defer h.mu.Unlock()
			if h.full != nil {
				return nil, h.full
			}
			l := &local{hall: h, dest: to, keeper: keeper, asked: asked}
			h.locals = append(h.locals, l)
			return l, nil
		},
		Defaults: options.Default,
		Named: func(_ context.Context, by Local, name i2p.Name) (i2p.Destination, error) {
			h.mu.Lock()
			defer h.mu.Unlock()
			if name.Kind == i2p.NameHost && name.Host == "known.i2p" {
				for _, k := range h.known {
					return k.Destination(), nil
				}
			}
			if k := h.known[name.Hash]; k != nil && by != nil {
				return k.Destination(), nil
			}
			return i2p.Destination{}, destinations.ErrNotFound
		},
		Required:  h.required.Load,
		Bandwidth: func() (in, out int) { return 700, 0 },
	})
	return h
}

// local is the one opened last.
func (h *hall) last() *local {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.locals[len(h.locals)-1]
}

// somebody is a destination that is found.
func (h *hall) somebody() i2p.Destination {
	keys := newKeys(h.t, 99)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.known[keys.Destination().Hash()] = keys
	return keys.Destination()
}

func (l *local) Handle(protocol byte, port uint16, h client.Handler, gone func()) (func(), error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.handle = h
	return func() {}, nil
}

func (l *local) SendHinted(to i2p.Hash, framed []byte, h client.Hints) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.busy > 0 {
		return destinations.ErrBusy
	}
	_, body, _ := datagram.Decode(framed, 0)
	l.sent, l.hinted = append(l.sent, string(body)), h
	return nil
}

func (l *local) Pass() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.busy--
}

func (l *local) Lookup(ctx context.Context, hash i2p.Hash) (leaseset.Set, error) {
	if l.stuck != nil {
		<-l.stuck
	}
	l.hall.mu.Lock()
	keys := l.known[hash]
	l.hall.mu.Unlock()
	if keys == nil {
		return nil, fmt.Errorf("lease set: %w", destinations.ErrNotFound)
	}
	return leaseset.Build2(leaseset.Build2Config{
		Keys: keys, EncryptionKeys: []leaseset.EncryptionKey{{Type: i2p.CryptoX25519, Key: make([]byte, 32)}},
		Published: i2p.DateOf(time.Now()), Options: map[string]string{"_smtp._tcp": "0 3600 25"},
	})
}

func (l *local) Reshape(asked options.Options) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked = asked
	return true
}

func (l *local) Unlock(by leaseset.Reader, hash i2p.Hash) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.unlocked = append(l.unlocked, unlocked{by, hash})
}

func (l *local) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	return nil
}

func (l *local) got() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string(nil), l.sent...)
}

// ends is a connection as a door gives it.
type ends struct {
	net.Conn
	held atomic.Int64
}

func (e *ends) Greeted() bool { return true }
func (e *ends) Login(_ context.Context, user, password string) bool {
	return user == "user" && password == "secret"
}
func (e *ends) Doing(string) {}

func (e *ends) Session(control.DoorSession) func() { return func() {} }

func (e *ends) Hold(n int) bool {
	if e.held.Add(int64(n)) > 4<<20 {
		e.held.Add(int64(-n))
		return false
	}
	return true
}

func (e *ends) Release(n int) { e.held.Add(int64(-n)) }

// peer is a client.
type peer struct {
	t    testing.TB
	conn net.Conn
	in   *bufio.Reader
	end  *ends
	over chan struct{} // the server has done with it
	keys *i2p.PrivateKeys
}

// connect is a client that has said the first byte, where it is to.
func (h *hall) connect(first ...byte) *peer {
	a, b := net.Pipe()
	p := &peer{t: h.t, conn: a, in: bufio.NewReader(a), end: &ends{Conn: b}, over: make(chan struct{}), keys: newKeys(h.t, 1)}
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		defer close(p.over)
		context.AfterFunc(ctx, func() { b.Close() })
		h.Serve(ctx, p.end)
		b.Close()
	}()
	h.t.Cleanup(func() {
		cancel()
		a.Close()
		<-p.over
		if n := p.end.held.Load(); n != 0 {
			h.t.Errorf("%d bytes are held after the end", n)
		}
	})
	if first == nil {
		first = []byte{i2cp.ProtocolByte}
	}
	a.Write(first)
	return p
}

func newKeys(t testing.TB, seed byte) *i2p.PrivateKeys {
	t.Helper()
	k, err := i2p.GenerateDestination(sign.EdDSA_SHA512_Ed25519, i2p.CryptoElGamal, rand.NewChaCha8([32]byte{seed}))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func (p *peer) say(m i2cp.Message) {
	p.t.Helper()
	if _, err := p.conn.Write(i2cp.Append(nil, m)); err != nil {
		p.t.Error(err)
	}
}

// hears reads the next message, which is to be an M.
func hears[M i2cp.Message](p *peer) (m M) {
	p.t.Helper()
	kind, body, err := i2cp.Read(p.in, nil)
	if err != nil {
		p.t.Fatalf("%T was to come: %v", m, err)
	}
	got, err := i2cp.Parse(kind, body)
	m, ok := got.(M)
	if !ok {
		p.t.Fatalf("%v came, %+v, %v; %T was to", kind, got, err, m)
	}
	return m
}

func (p *peer) config(named map[string]string) i2cp.SessionConfig {
	p.t.Helper()
	m, err := i2p.NewMapping(named)
	c := i2cp.SessionConfig{Destination: p.keys.Destination(), Options: m, Created: i2p.DateOf(time.Now())}
	if err == nil {
		err = c.Sign(p.keys.Signing)
	}
	if err != nil {
		p.t.Fatal(err)
	}
	return c
}

// session opens one.
func (p *peer) session(named map[string]string) i2cp.SessionID {
	p.t.Helper()
	p.say(i2cp.CreateSession{Config: p.config(named)})
	s := hears[i2cp.SessionStatus](p)
	if s.State != i2cp.SessionCreated {
		p.t.Fatalf("session: %+v", s)
	}
	synctest.Wait() // until messages can be delivered to it
	return s.Session
}

// ended waits for the end of the connection, and says why it came.
func (p *peer) ended() (why string) {
	p.t.Helper()
	for {
		kind, body, err := i2cp.Read(p.in, nil)
		if err != nil {
			<-p.over
			return why
		}
		if m, _ := i2cp.Parse(kind, body); kind == i2cp.TypeDisconnect {
			why = m.(i2cp.Disconnect).Reason
		}
	}
}

func framed(text string) []byte {
	return datagram.Header{Protocol: datagram.Raw, From: 1, To: 2}.AppendStored(nil, []byte(text))
}

// inBubble runs f in simulated time, with a hall.
func inBubble(t *testing.T, f func(t *testing.T, h *hall)) {
	synctest.Test(t, func(t *testing.T) { f(t, newHall(t)) })
}

// made is a lease set of the client's for what was asked.
func (p *peer) made(leases []leaseset.Lease, pair noise.KeyPair) *leaseset.LeaseSet2 {
	p.t.Helper()
	set, err := leaseset.Build2(leaseset.Build2Config{
		Keys: p.keys, EncryptionKeys: []leaseset.EncryptionKey{{Type: i2p.CryptoX25519, Key: pair.Public[:]}},
		Leases: leases, Published: i2p.DateOf(time.Now()),
	})
	if err != nil {
		p.t.Fatal(err)
	}
	return set
}

// TestConversation: from the first byte to the last, as a client of one destination has it.
func TestConversation(t *testing.T) {
	inBubble(t, func(t *testing.T, h *hall) {
		to := h.somebody()
		p := h.connect()
		p.say(i2cp.GetDate{Version: "0.9.67"})
		if d := hears[i2cp.SetDate](p); d.Date != i2p.DateOf(time.Now()) || d.Version != control.APILevel {
			t.Errorf("%+v", d)
		}
		id := p.session(map[string]string{"inbound.length": "1", "inbound.nickname": "n", "i2cp.messageReliability": "none"})
		l := h.last()
		if l.asked.Inbound.Length != 1 || l.asked.Nickname != "n" || !l.dest.Equal(p.keys.Identity) {
			t.Errorf("opened with %+v", l.asked)
		}

		// Its lease set, by which peers reach it.
		leases := []leaseset.Lease{{Gateway: i2p.Hash{1}, TunnelID: 2, Expires: i2p.DateOf(time.Now().Add(10 * time.Minute))}}
		kept := make(chan client.Kept, 1)
		l.keeper.Keep(client.Wanted{Leases: leases}, func(k client.Kept) { kept <- k })
		want := hears[i2cp.RequestVariableLeaseSet](p)
		if want.Session != id || len(want.Leases) != 1 || want.Leases[0] != leases[0] {
			t.Errorf("asked for %+v", want)
		}
		pair := noise.GenerateKey(nil)
		private := pair.Private()
		set := p.made(want.Leases, pair)
		p.say(i2cp.CreateLeaseSet2{Session: id, Set: set, Keys: []i2cp.PrivateKey{{Encryption: i2p.CryptoX25519, Key: private[:]}}})
		k := <-kept
		if k.Err != nil || string(k.Set.Bytes()) != string(set.Bytes()) || len(k.Keys) != 1 || k.Keys[0].Pair.Public != pair.Public {
			t.Errorf("kept %+v", k)
		}

		// What it sends, and what is sent to it.
		p.say(i2cp.SendMessage{Session: id, To: to, Payload: framed("hello")})
		soon := i2p.DateOf(time.Now().Add(time.Second))
		p.say(i2cp.SendMessageExpires{SendMessage: i2cp.SendMessage{Session: id, To: to, Payload: framed("again")}, Flags: i2cp.FlagNoLeaseSet | 0x83, Expires: soon})
		p.say(i2cp.GetBandwidthLimits{})
		if b := hears[i2cp.BandwidthLimits](p); b.In != 700 || b.ClientIn != 400 || b.Out != noLimit {
			t.Errorf("limits %+v", b)
		}
		if got := l.got(); len(got) != 2 || got[0] != "hello" || got[1] != "again" {
			t.Errorf("sent %q", got)
		}
		if want := (client.Hints{NoLeaseSet: true, Tags: options.Tags{Send: 6, Low: 35}, Expires: soon}); l.hinted != want {
			t.Errorf("hints %+v, want %+v", l.hinted, want)
		}
		l.handle(datagram.Header{}, framed("welcome"), i2p.Hash{})
		if m := hears[i2cp.MessagePayload](p); m.Session != id || string(m.Payload) != string(framed("welcome")) {
			t.Errorf("%+v", m)
		}

		// Other options.
		p.say(i2cp.ReconfigureSession{Session: id, Config: p.config(map[string]string{"inbound.quantity": "5"})})
		if s := hears[i2cp.SessionStatus](p); s != (i2cp.SessionStatus{Session: id, State: i2cp.SessionUpdated}) {
			t.Errorf("%+v", s)
		}
		if l.asked.Inbound.Length != 1 || l.asked.Inbound.Quantity != 5 {
			t.Errorf("reconfigured to %+v", l.asked)
		}

		// The end takes back what was asked for, too.
		l.keeper.Keep(client.Wanted{Leases: leases}, func(k client.Kept) { kept <- k })
		hears[i2cp.RequestVariableLeaseSet](p)
		p.say(i2cp.DestroySession{Session: id})
		if why := p.ended(); why != errLeft.Error() {
			t.Errorf("ended: %q", why)
		}
		if k := <-kept; k.Err == nil || !l.closed {
			t.Errorf("closed %v, %+v", l.closed, k)
		}
		l.keeper.Keep(client.Wanted{Leases: leases, Withdrawal: true}, func(k client.Kept) { kept <- k })
		if k := <-kept; k.Err == nil {
			t.Error("a client that has left signs")
		}
		if s := h.Stats(); s.Sessions != 0 || s.Created != 1 || s.LeaseSets != 1 || s.MessagesIn != 2 || s.Overflowed != 0 || s.Refused != (Refused{}) {
			t.Errorf("%+v", s)
		}
	})
}

// TestStatuses: what becomes of messages is told to those who want to know.
func TestStatuses(t *testing.T) {
	inBubble(t, func(t *testing.T, h *hall) {
		to, nobody := h.somebody(), newKeys(t, 7).Destination()
		p := h.connect()
		id := p.session(nil)
		h.last().busy = 3
		expects := func(what string, m i2cp.Message, nonce uint32, states ...i2cp.MessageState) {
			t.Helper()
			p.say(m)
			for _, state := range states {
				if s := hears[i2cp.MessageStatus](p); s.State != state || s.Nonce != nonce {
					t.Errorf("%s: %+v", what, s)
				}
			}
		}
		send := func(to i2p.Destination, payload []byte, nonce uint32) i2cp.SendMessage {
			return i2cp.SendMessage{Session: id, To: to, Payload: payload, Nonce: nonce}
		}
		expects("no nonce, while the destination is busy", send(to, framed("x"), 0), 0)
		expects("to one who is there", send(to, framed("x"), 1), 1, i2cp.Accepted, i2cp.GuaranteedSuccess)
		expects("to nobody", send(nobody, framed("x"), 2), 2, i2cp.Accepted, i2cp.NoLeaseSet)
		expects("to itself", send(p.keys.Destination(), framed("x"), 3), 3, i2cp.LoopbackDenied)
		expects("not framed", send(to, []byte("x"), 4), 4, i2cp.BadMessage)
		expects("too long", send(to, framed(string(make([]byte, 61<<10))), 5), 5, i2cp.BadMessage)
		expects("too late", i2cp.SendMessageExpires{SendMessage: send(to, framed("x"), 6), Expires: i2p.DateOf(time.Now())}, 6, i2cp.MessageExpired)
		other := send(to, framed("x"), 7)
		other.Session++
		expects("of no session", other, 7, i2cp.BadSession)

		quiet := h.connect()
		quiet.keys = newKeys(t, 3)
		id = quiet.session(map[string]string{"i2cp.messageReliability": "None"})
		p = quiet
		expects("a session that hears of nothing", send(to, framed("x"), 0), 0)
		expects("but for what it asks for", send(to, framed("x"), 8), 8, i2cp.GuaranteedSuccess)
	})
}

// TestLookups: of every kind, in a session and without one.
func TestLookups(t *testing.T) {
	inBubble(t, func(t *testing.T, h *hall) {
		to, nobody := h.somebody(), newKeys(t, 7).Destination()
		p := h.connect()
		ask := func(m i2cp.HostLookup) i2cp.HostReply {
			t.Helper()
			m.Request++
			p.say(m)
			r := hears[i2cp.HostReply](p)
			if r.Request != m.Request || r.Session != m.Session {
				t.Errorf("%+v is answered by %+v", m, r)
			}
			return r
		}
		for _, id := range []i2cp.SessionID{i2cp.NoSession, 0} {
			if id != i2cp.NoSession {
				id = p.session(nil)
			}
			for _, x := range []struct {
				ask    i2cp.HostLookup
				result i2cp.LookupResult
			}{
				{i2cp.HostLookup{Kind: i2cp.LookupHash, Hash: to.Hash()}, i2cp.LookupFound},
				{i2cp.HostLookup{Kind: i2cp.LookupHash, Hash: nobody.Hash()}, i2cp.LookupFailed},
				{i2cp.HostLookup{Kind: i2cp.LookupHost, Host: "known.i2p"}, i2cp.LookupFound},
				{i2cp.HostLookup{Kind: i2cp.LookupHost, Host: to.B32()}, i2cp.LookupFound},
				{i2cp.HostLookup{Kind: i2cp.LookupHost, Host: "unknown.i2p"}, i2cp.LookupFailed},
				{i2cp.HostLookup{Kind: i2cp.LookupHost, Host: "no name"}, i2cp.LookupFailed},
				{i2cp.HostLookup{Kind: i2cp.LookupHashOptions, Hash: to.Hash()}, i2cp.LookupFound},
				{i2cp.HostLookup{Kind: i2cp.LookupHostOptions, Host: "known.i2p"}, i2cp.LookupFound},
				{i2cp.HostLookup{Kind: i2cp.LookupDestinationOptions, Destination: to}, i2cp.LookupFound},
				{i2cp.HostLookup{Kind: i2cp.LookupDestinationOptions, Destination: nobody}, i2cp.LookupNoLeaseSet},
				{i2cp.HostLookup{Kind: 5, Unknown: []byte("?")}, i2cp.LookupUnsupported},
			} {
				x.ask.Session = id
				r := ask(x.ask)
				found := x.result == i2cp.LookupFound
				if r.Result != x.result || found && !r.Destination.Equal(to.Identity) || (r.Options != nil) != (found && x.ask.Kind.WantsOptions()) {
					t.Errorf("%d, %q in session %d: %+v", x.ask.Kind, x.ask.Host, id, r)
				}
				if found && x.ask.Kind.WantsOptions() && r.Options.Get("_smtp._tcp") == "" {
					t.Errorf("options %v", r.Options)
				}
			}
			p.say(i2cp.DestLookup{Hash: to.Hash()})
			if r := hears[i2cp.DestReply](p); !r.Destination.Equal(to.Identity) {
				t.Errorf("%+v", r)
			}
			p.say(i2cp.DestLookup{Hash: nobody.Hash()})
			if r := hears[i2cp.DestReply](p); !r.Destination.IsZero() || r.Hash != nobody.Hash() {
				t.Errorf("%+v", r)
			}
		}
		if n := len(h.locals); n != 2 {
			t.Errorf("%d destinations were opened for lookups and one session", n)
		}
	})
}

// TestBlinding: what opens the lease set of a destination is told by its key, its name or itself.
func TestBlinding(t *testing.T) {
	inBubble(t, func(t *testing.T, h *hall) {
		to := h.somebody()
		p := h.connect()
		id := p.session(nil)
		name, err := to.Blinded().B33()
		if err != nil {
			t.Fatal(err)
		}
		key := [32]byte{1}
		for _, x := range []struct {
			say  i2cp.BlindingInfo
			hash i2p.Hash
		}{
			{i2cp.BlindingInfo{Kind: i2cp.EndpointKey, Signing: to.SigningKey(), HasSecret: true, Secret: "s"}, i2p.Hash{}},
			{i2cp.BlindingInfo{Kind: i2cp.EndpointHost, Host: name, PerClient: true, Key: key}, i2p.Hash{}},
			{i2cp.BlindingInfo{Kind: i2cp.EndpointHost, Host: "known.i2p"}, to.Hash()},
			{i2cp.BlindingInfo{Kind: i2cp.EndpointDestination, Destination: to, PerClient: true, Scheme: 1, Key: key, HasSecret: true, Secret: "s"}, to.Hash()},
		} {
			x.say.Session = id
			p.say(x.say)
			synctest.Wait()
			l := h.last()
			got := l.unlocked[len(l.unlocked)-1]
			want := leaseset.Reader{Address: to.Blinded(), Secret: x.say.Secret}
			if x.say.PerClient {
				want.Key = &key
			}
			if !got.by.Same(want) || got.hash != x.hash || got.by.Address.Secret != x.say.HasSecret || got.by.Address.PerClient != x.say.PerClient {
				t.Errorf("%+v: %+v", x.say, got)
			}
		}
		for _, m := range []i2cp.BlindingInfo{
			{Session: id, Kind: i2cp.EndpointHash, Hash: to.Hash()}, {Session: id, Kind: i2cp.EndpointHost, Host: "unknown.i2p"},
			{Session: id + 1, Kind: i2cp.EndpointDestination, Destination: to},
		} {
			p.say(m)
		}
		p.say(i2cp.GetBandwidthLimits{})
		hears[i2cp.BandwidthLimits](p)
		if n := h.Stats().Refused.Lookup; n != 3 || len(h.last().unlocked) != 4 {
			t.Errorf("%d were passed over", n)
		}
	})
}

// TestSubsessions: a connection has several sessions, and with the first one all end.
func TestSubsessions(t *testing.T) {
	inBubble(t, func(t *testing.T, h *hall) {
		p := h.connect()
		first := p.session(nil)
		one := h.last()
		p.keys = newKeys(t, 2)
		second := p.session(nil)
		two := h.last()
		p.keys = newKeys(t, 3)
		third := p.session(nil)
		if first == second || second == third || h.Stats().Sessions != 3 {
			t.Fatal("sessions have one id")
		}
		two.handle(datagram.Header{}, framed("for two"), i2p.Hash{})
		if m := hears[i2cp.MessagePayload](p); m.Session != second {
			t.Errorf("%+v", m)
		}
		// A lease set that cannot be read is the fault of its session alone.
		p.conn.Write(append([]byte{0, 0, 0, 200, byte(i2cp.TypeCreateLeaseSet), byte(second >> 8), byte(second)}, make([]byte, 198)...))
		p.say(i2cp.GetBandwidthLimits{})
		hears[i2cp.BandwidthLimits](p)
		if s := h.Stats(); s.LeaseSetsBad != 1 || s.Sessions != 3 {
			t.Errorf("%+v", s)
		}

		// One that names others, and has no keys.
		leases := []leaseset.Lease{{Expires: i2p.DateOf(time.Now().Add(time.Minute))}}
		kept := make(chan client.Kept, 1)
		h.last().keeper.Keep(client.Wanted{Leases: leases}, func(k client.Kept) { kept <- k })
		hears[i2cp.RequestVariableLeaseSet](p)
		end := i2p.DateOf(time.Now().Add(time.Hour))
		meta, err := leaseset.BuildMeta(leaseset.MetaConfig{
			Keys: p.keys, Leases: []leaseset.MetaLease{{Hash: one.dest.Hash(), Expires: end}}, Published: i2p.DateOf(time.Now()), Expires: end,
		})
		if err != nil {
			t.Fatal(err)
		}
		p.say(i2cp.CreateLeaseSet2{Session: third, Set: meta})
		if k := <-kept; k.Err != nil || k.Set != nil || k.Meta == nil || k.Meta.Hash() != p.keys.Destination().Hash() {
			t.Errorf("kept %+v", k)
		}

		p.say(i2cp.DestroySession{Session: second}) // of which nothing is said
		p.say(i2cp.GetBandwidthLimits{})
		hears[i2cp.BandwidthLimits](p)
		if !two.closed || one.closed || h.Stats().Sessions != 2 {
			t.Error("not the second session was closed")
		}
		p.say(i2cp.DestroySession{Session: first})
		if p.ended(); !h.last().closed || !one.closed {
			t.Error("a subsession goes on")
		}
	})
}

// TestRefusals: what is not taken, and what ends a connection.
func TestRefusals(t *testing.T) {
	inBubble(t, func(t *testing.T, h *hall) {
		if why := h.connect('G').ended(); why != errProtocol.Error() {
			t.Errorf("HTTP: %q", why)
		}
		p := h.connect()
		p.conn.Write([]byte{0, 0, 0, 1, byte(i2cp.TypeDestroySession), 1})
		if why := p.ended(); why == "" {
			t.Error("half a message is taken")
		}
		p = h.connect()
		p.conn.Write([]byte{0, 1, 0x20, 0, byte(i2cp.TypeDestroySession)})
		if why := p.ended(); why == "" {
			t.Error("a long message is taken")
		}
		p = h.connect()
		p.say(i2cp.SetDate{})
		if why := p.ended(); why == "" {
			t.Error("what routers say is taken")
		}

		p = h.connect()
		for name, c := range map[string]func(*i2cp.SessionConfig){
			"another key": func(c *i2cp.SessionConfig) { c.Destination = newKeys(t, 5).Destination() },
			"too old":     func(c *i2cp.SessionConfig) { c.Created -= 31000; c.Sign(p.keys.Signing) },
		} {
			config := p.config(nil)
			c(&config)
			p.say(i2cp.CreateSession{Config: config})
			if s := hears[i2cp.SessionStatus](p); s.State != i2cp.SessionInvalid {
				t.Errorf("%s: %+v", name, s)
			}
		}
		h.full = destinations.ErrInUse
		p.say(i2cp.CreateSession{Config: p.config(nil)})
		if s := hears[i2cp.SessionStatus](p); s.State != i2cp.SessionRefused {
			t.Errorf("%+v", s)
		}
		h.full = nil
		id := p.session(nil)
		p.say(i2cp.ReconfigureSession{Session: id + 1, Config: p.config(nil)})
		if s := hears[i2cp.SessionStatus](p); s.State != i2cp.SessionInvalid {
			t.Errorf("%+v", s)
		}

		// A lease set that nobody asked for, and one with a key that does not fit.
		pair := noise.GenerateKey(nil)
		private := pair.Private()
		leases := []leaseset.Lease{{Expires: i2p.DateOf(time.Now().Add(time.Minute))}}
		good := i2cp.CreateLeaseSet2{Session: id, Set: p.made(leases, pair), Keys: []i2cp.PrivateKey{{Encryption: i2p.CryptoX25519, Key: private[:]}}}
		p.say(good)
		synctest.Wait()
		kept := make(chan client.Kept, 1)
		h.last().keeper.Keep(client.Wanted{Leases: leases}, func(k client.Kept) { kept <- k })
		hears[i2cp.RequestVariableLeaseSet](p)
		good.Keys = []i2cp.PrivateKey{{Encryption: i2p.CryptoX25519, Key: private[:31]}}
		p.say(good)
		if k := <-kept; !errors.Is(k.Err, errKeyLength) {
			t.Error(k.Err)
		}
		synctest.Wait() // it is counted after that
		s := h.Stats()
		if s.LeaseSetsBad != 2 || s.Refused.Protocol != 1 || s.Refused.Malformed != 3 || s.Refused.Session != 4 {
			t.Errorf("%+v", s)
		}
	})
}

// TestPassword: who is asked for one says it first.
func TestPassword(t *testing.T) {
	inBubble(t, func(t *testing.T, h *hall) {
		h.required.Store(true)
		for name, first := range map[string]i2cp.Message{
			"nothing":            i2cp.GetBandwidthLimits{},
			"no password":        i2cp.GetDate{Version: "0.9.67"},
			"the wrong password": i2cp.GetDate{Version: "0.9.67", Auth: i2p.Mapping{{Key: i2cp.KeyUsername, Value: "user"}, {Key: i2cp.KeyPassword, Value: "x"}}},
		} {
			p := h.connect()
			p.say(first)
			if why := p.ended(); why != errUnauthorized.Error() {
				t.Errorf("%s: %q", name, why)
			}
		}
		p := h.connect()
		p.say(i2cp.GetDate{Version: "0.9.67", Auth: i2p.Mapping{{Key: i2cp.KeyUsername, Value: "user"}, {Key: i2cp.KeyPassword, Value: "secret"}}})
		hears[i2cp.SetDate](p)
		p.session(nil)
	})
}

// TestUnread: a client that does not read gets no more than is kept for it, and who delivers to it does not wait.
func TestUnread(t *testing.T) {
	inBubble(t, func(t *testing.T, h *hall) {
		p := h.connect()
		p.session(nil)
		l := h.last()
		big := framed(string(make([]byte, 30<<10)))
		for range 200 {
			l.handle(datagram.Header{}, big, i2p.Hash{})
		}
		if n := p.end.held.Load(); n > maxUnread {
			t.Errorf("%d bytes are held", n)
		}
		if s := h.Stats(); s.Overflowed == 0 || s.Overflowed+s.MessagesOut < 200 {
			t.Errorf("%+v", s)
		}
		delivered := h.Stats().MessagesOut - 1
		stuck := h.connect() // ends though nobody reads, and though it is being written to
		stuck.session(nil)
		h.last().handle(datagram.Header{}, big, i2p.Hash{})
		stuck.conn.Write([]byte{0, 0, 0, 0, byte(i2cp.TypeSetDate)})
		<-stuck.over
		for range delivered {
			hears[i2cp.MessagePayload](p)
		}
		synctest.Wait()
		l.handle(datagram.Header{}, big, i2p.Hash{})
		hears[i2cp.MessagePayload](p)
	})
}

// TestTold: a client that wants to know what becomes of its messages has the server hold a bounded part of them.
func TestTold(t *testing.T) {
	inBubble(t, func(t *testing.T, h *hall) {
		to := h.somebody()
		p := h.connect()
		id := p.session(nil)
		h.last().stuck = make(chan struct{})
		big := framed(string(make([]byte, 50<<10)))
		refused := 0
		for n := range uint32(60) {
			p.say(i2cp.SendMessage{Session: id, To: to, Payload: big, Nonce: n + 1})
			hears[i2cp.MessageStatus](p) // that it is accepted
			synctest.Wait()
			if most := int64(maxTold); p.end.held.Load() > most {
				t.Fatalf("%d bytes are held after %d messages", p.end.held.Load(), n+1)
			}
		}
		close(h.last().stuck)
		for range 60 {
			if hears[i2cp.MessageStatus](p).State == i2cp.OverflowFailure {
				refused++
			}
		}
		if refused == 0 {
			t.Error("none was too much")
		}
	})
}

// TestLookupAtEnd: a lookup that was under way when its client left opens nothing that nobody would close.
func TestLookupAtEnd(t *testing.T) {
	h := newHall(t)
	k := &connection{server: h.Server, ctx: t.Context()}
	k.close()
	if _, err := k.idler(); err == nil || len(h.locals) > 0 {
		t.Errorf("%d destinations were opened, %v", len(h.locals), err)
	}
}

// TestDates: two lease sets are never asked for within one second, which is all that their dates tell, and the
// leases of the second end later.
func TestDates(t *testing.T) {
	inBubble(t, func(t *testing.T, h *hall) {
		p := h.connect()
		id := p.session(nil)
		l := h.last()
		pair := noise.GenerateKey(nil)
		private := pair.Private()
		leases := []leaseset.Lease{{Gateway: i2p.Hash{1}, TunnelID: 2, Expires: i2p.DateOf(time.Now().Add(10 * time.Minute))}}
		var sets []leaseset.Set
		var ends []i2p.Date
		for range 3 {
			l.keeper.Keep(client.Wanted{Leases: leases}, func(k client.Kept) { sets = append(sets, k.Set) })
			want := hears[i2cp.RequestVariableLeaseSet](p)
			ends = append(ends, want.Leases[0].Expires)
			p.say(i2cp.CreateLeaseSet2{Session: id, Set: p.made(want.Leases, pair), Keys: []i2cp.PrivateKey{{Encryption: i2p.CryptoX25519, Key: private[:]}}})
			synctest.Wait()
		}
		if len(sets) != 3 || sets[0].Published() >= sets[1].Published() || sets[1].Published() >= sets[2].Published() {
			t.Errorf("lease sets %v", sets)
		}
		if ends[0] >= ends[1] || ends[1] >= ends[2] {
			t.Errorf("leases end %v", ends)
		}
	})
}

// FuzzServe: whatever a client says, the connection ends with it and holds nothing.
func FuzzServe(f *testing.F) {
	keys := newKeys(f, 1)
	p := &peer{t: f, keys: keys}
	create := i2cp.Append(nil, i2cp.CreateSession{Config: p.config(nil)})
	f.Add([]byte{i2cp.ProtocolByte})
	f.Add(append([]byte{i2cp.ProtocolByte}, create...))
	f.Add(append(i2cp.Append([]byte{i2cp.ProtocolByte}, i2cp.GetDate{Version: "0.9.67"}), i2cp.Append(nil, i2cp.HostLookup{Session: i2cp.NoSession, Host: "known.i2p", Kind: 1})...))
	f.Fuzz(func(t *testing.T, said []byte) {
		h := newHall(t)
		a, b := net.Pipe()
		end := &ends{Conn: b}
		go func() {
			a.Write(said)
			a.Close()
		}()
		h.Serve(t.Context(), end)
		b.Close()
		if n := end.held.Load(); n != 0 || h.Stats().Sessions != 0 {
			t.Fatalf("%d bytes are held, %d sessions are left", n, h.Stats().Sessions)
		}
	})
}
