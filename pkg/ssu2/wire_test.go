package ssu2

import (
	"bytes"
	"container/heap"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/noise"
	"i2ptoolkit/pkg/routerinfo"
)

const testNet = 99

// side is a router with its endpoint, and what came out of it.
type side struct {
	*Endpoint
	at       netip.AddrPort
	cfg      Config
	router   *i2p.PrivateKeys
	info     *routerinfo.RouterInfo
	target   Target // as others dial it
	done     []*Established
	early    [][]byte
	failures []Failure
	messages []*Message
}

// newSide makes a router that is published at an address. extra makes its
// RouterInfo longer.
func newSide(t testing.TB, seed byte, at netip.AddrPort, extra int, change func(*Config, *routerinfo.BuildConfig)) *side {
	t.Helper()
	rng := rand.NewChaCha8([32]byte{seed})
	s := &side{at: at}
	var err error
	if s.router, err = i2p.GenerateRouter(rng); err != nil {
		t.Fatal(err)
	}
	s.cfg = Config{Static: noise.GenerateKey(rng), NetID: testNet, Options: Options{TransmitMax: 1, ReceiveMax: 1}, Rand: rng}
	rng.Read(s.cfg.Intro[:])
	options, err := i2p.NewMapping(map[string]string{
		"s": i2p.EncodeBase64(s.cfg.Static.Public[:]), "i": i2p.EncodeBase64(s.cfg.Intro[:]), "v": "2",
		"host": at.Addr().String(), "port": "4567", "caps": "BC",
	})
	if err != nil {
		t.Fatal(err)
	}
	build := routerinfo.BuildConfig{
		Keys: s.router, Published: i2p.DateOf(start),
		Addresses: []routerinfo.Address{{Cost: 8, Style: routerinfo.StyleSSU2, Options: options}},
		Options:   map[string]string{"caps": "LR", "netId": "99", "router.version": "0.9.67"},
	}
	for i := range extra / 200 {
		noise := make([]byte, 75) // which gzip cannot make smaller
		rng.Read(noise)
		build.Options["x"+string(rune('a'+i%26))+string(rune('a'+i/26))] = i2p.EncodeBase64(append(noise, make([]byte, 75)...))
	}
	if change != nil {
		change(&s.cfg, &build)
	}
	if s.info, err = routerinfo.Build(build); err != nil {
		t.Fatal(err)
	}
	if s.cfg.Info == nil {
		s.cfg.Info = func() []byte { return s.info.Bytes() }
	}
	s.cfg.Hash = s.info.Hash()
	s.Endpoint = NewEndpoint(s.cfg)
	if addresses := s.info.SSU2(); len(addresses) > 0 {
		s.target, _ = TargetOf(s.info, addresses[0])
		s.target.At = at
	}
	return s
}

// flight is a datagram on its way.
type flight struct {
	at       time.Time
	seq      int
	from, to netip.AddrPort
	data     []byte
}

type flights []flight

func (f flights) Len() int      { return len(f) }
func (f flights) Swap(i, j int) { f[i], f[j] = f[j], f[i] }
func (f *flights) Push(x any)   { *f = append(*f, x.(flight)) }
func (f *flights) Pop() any     { x := (*f)[len(*f)-1]; *f = (*f)[:len(*f)-1]; return x }
func (f flights) Less(i, j int) bool {
	if f[i].at.Equal(f[j].at) {
		return f[i].seq < f[j].seq
	}
	return f[i].at.Before(f[j].at)
}

// wire carries datagrams between sides, in simulated time.
type wire struct {
	now   time.Time
	delay time.Duration
	sides map[netip.AddrPort]*side
	queue flights
	seq   int
	// onSend, if any, sees each datagram that is sent, and says what becomes of it.
	onSend func(f flight) []flight
	// sent counts the bytes and the datagrams from each address.
	bytes, packets map[netip.AddrPort]int
}

func newWire(sides ...*side) *wire {
	w := &wire{
		now: start, delay: 50 * time.Millisecond, sides: map[netip.AddrPort]*side{},
		bytes: map[netip.AddrPort]int{}, packets: map[netip.AddrPort]int{},
	}
	for _, s := range sides {
		w.sides[s.at] = s
	}
	return w
}

// send puts a datagram on the wire.
func (w *wire) send(from, to netip.AddrPort, data []byte) {
	w.bytes[from] += len(data)
	w.packets[from]++
	f := flight{w.now.Add(w.delay), 0, from, to, bytes.Clone(data)}
	all := []flight{f}
	if w.onSend != nil {
		all = w.onSend(f)
	}
	for _, f := range all {
		w.seq++
		f.seq = w.seq
		heap.Push(&w.queue, f)
	}
}

// take works in what came out of a side.
func (w *wire) take(s *side, r Result) {
	for _, d := range r.Send {
		w.send(s.at, d.To, d.Data)
	}
	if r.Established != nil {
		s.done = append(s.done, r.Established)
		s.early = append(s.early, r.Early...)
	}
	s.failures = append(s.failures, r.Failed...)
	if r.Message != nil {
		s.messages = append(s.messages, r.Message)
	}
}

// dial has one side begin a handshake with another.
func (w *wire) dial(t testing.TB, from, to *side) ConnectionID {
	t.Helper()
	id, r, err := from.Dial(w.now, to.target)
	if err != nil {
		t.Fatal(err)
	}
	w.take(from, r)
	return id
}

// run carries all that happens until the time has passed, or all is quiet.
func (w *wire) run(d time.Duration) {
	for end := w.now.Add(d); ; {
		next := end
		for _, s := range w.sides {
			if at := s.Deadline(); !at.IsZero() && at.Before(next) {
				next = at
			}
		}
		if len(w.queue) > 0 && !w.queue[0].at.After(next) {
			f := heap.Pop(&w.queue).(flight)
			if f.at.After(w.now) {
				w.now = f.at
			}
			if s := w.sides[f.to]; s != nil {
				w.take(s, s.Handle(w.now, f.from, f.data))
			}
			continue
		}
		if next.After(w.now) {
			w.now = next
		}
		if !w.now.Before(end) {
			return
		}
		for _, s := range w.sides {
			w.take(s, s.Tick(w.now))
		}
	}
}

// agree fails unless both sides have one session, the same one.
func agree(t testing.TB, alice, bob *side) (a, b *Established) {
	t.Helper()
	if len(alice.done) != 1 || len(bob.done) != 1 {
		t.Fatalf("%d and %d sessions; failures %v, %v; counts %+v, %+v", len(alice.done), len(bob.done),
			alice.failures, bob.failures, alice.Counts(), bob.Counts())
	}
	a, b = alice.done[0], bob.done[0]
	switch {
	case a.Send != b.Receive || a.Receive != b.Send:
		t.Fatal("keys differ")
	case a.LocalID != b.RemoteID || a.RemoteID != b.LocalID || a.LocalID == b.LocalID:
		t.Fatal("connection ids differ")
	case !a.Initiator || b.Initiator || a.NextPacket != 1 || b.NextPacket != 0 || a.Confirmed == nil || b.Confirmed != nil:
		t.Fatalf("roles: %+v, %+v", a, b)
	case !bytes.Equal(a.Peer.Info.Bytes(), bob.info.Bytes()) || !bytes.Equal(b.Peer.Info.Bytes(), alice.info.Bytes()):
		t.Fatal("RouterInfos differ")
	case a.Path.Remote != bob.at || b.Path.Remote != alice.at:
		t.Fatal("addresses differ")
	}
	return a, b
}
