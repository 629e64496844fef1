//go:build !race

package simtest

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"i2ptoolkit/pkg/buf/buftest"
	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
	"i2ptoolkit/pkg/netdb"
	"i2ptoolkit/pkg/router"
	"i2ptoolkit/pkg/routerinfo"
	"i2ptoolkit/pkg/sign"
	"i2ptoolkit/pkg/simnet/mesh"
)

const (
	suspects = 50
	arrests  = 12 // guesses of the attacker's
)

// inquisition is a network of suspects, and an attacker who wants to know behind which
// of them a destination is. He has a floodfill that everybody knows, a router that
// asks, and for each guess routers that nobody knows: the destination is told of
// them, and of nothing else is anybody.
type inquisition struct {
	t         *testing.T
	net       *mesh.Net
	rand      *rand.ChaCha8
	suspects  []*mesh.Router
	known     map[i2p.Hash]*routerinfo.RouterInfo
	floodfill *spy
	prober    *spy
	spies     int

	// of one guess
	markers []*spy
	names   map[i2p.Hash][]i2p.Hash // whom the floodfill names, by the key that it is asked for
	sets    map[i2p.Hash]*leaseset.LeaseSet2
	open    *i2np.DatabaseLookup // what the destination asked the second marker
	betrays map[i2p.Hash]int     // routers that one suspect alone was told of
	begun   time.Time            // of the present probe
	seen    []testimony          // of each suspect, to the present probe
	ends    map[int]bool         // suspects who brought the markers what the destination asked them
}

// testimony is what the attacker saw of one suspect.
type testimony struct {
	words string
	first time.Duration
	any   bool
	clear bool // it is the end of a tunnel that the destination's messages came through
}

func newInquisition(t *testing.T, seed uint64) *inquisition {
	buftest.NoLeak(t)
	q := &inquisition{
		t: t, known: make(map[i2p.Hash]*routerinfo.RouterInfo), seen: make([]testimony, suspects),
		net: mesh.New(mesh.Config{
			Seed: seed, Start: today, Latency: func(_, _ i2p.Hash) time.Duration { return 40 * time.Millisecond },
		}),
	}
	q.rand = q.net.Stream("attacker", 0)
	shape := router.Shape{Hops: 2, Quantity: 2}
	for i := range suspects {
		caps := "XR"
		if i%5 == 0 {
			caps = "XfR"
		}
		r, err := q.net.AddRouter(i, mesh.RouterConfig{
			Addr: netip.AddrFrom4([4]byte{byte(20 + i), 1, 1, 1}), Caps: caps, Inbound: shape, Outbound: shape,
		})
		if err != nil {
			t.Fatal(err)
		}
		q.suspects = append(q.suspects, r)
		q.known[r.Self()] = r.Info()
	}
	t.Cleanup(func() {
		for _, r := range q.suspects {
			r.End()
		}
		q.net.Close()
	})
	any := func(i2p.Hash) bool { return true }
	q.floodfill, q.prober = q.spy("XfRG", any), q.spy("XR", any)
	q.floodfill.asked = q.answer
	var infos []*routerinfo.RouterInfo
	for h, ri := range q.known {
		if h != q.prober.Self() {
			infos = append(infos, ri)
		}
	}
	slices.SortFunc(infos, func(a, b *routerinfo.RouterInfo) int { return a.Hash().Compare(b.Hash()) })
	for _, r := range q.suspects {
		r.Know(infos)
		r.Core.Start()
	}
	return q
}

func (q *inquisition) spy(caps string, fits func(i2p.Hash) bool) *spy {
	s := newSpy(q.t, q.net, q.spies, caps, fits)
	q.spies++
	s.where = func(h i2p.Hash) *routerinfo.RouterInfo { return q.known[h] }
	s.seen = func(from i2p.Hash, m i2np.Message) { q.hear(s, from, m) }
	q.known[s.Self()] = s.info
	return s
}

// answer is the floodfill's: it names whom it is to name, and gives what it has.
func (q *inquisition) answer(s *spy, l i2np.DatabaseLookup) *netdb.Reply {
	if l.ViaTunnel {
		if q.names[l.Key] != nil && s != q.floodfill {
			q.open = &l
		}
		if i, ok := q.betrays[l.Key]; ok { // somebody follows what one suspect alone was told
			q.tell(i, "follows")
		}
	}
	if ri := q.known[l.Key]; ri != nil && l.Kind == i2np.LookupRouterInfo {
		return &netdb.Reply{Store: &i2np.DatabaseStore{Key: l.Key, Data: i2np.CompressRouterInfo(ri.Bytes())}}
	}
	if set := q.sets[l.Key]; set != nil && s != q.floodfill {
		return &netdb.Reply{Store: &i2np.DatabaseStore{Key: l.Key, Type: set.StoreType(), Data: set.Bytes()}}
	}
	names := q.names[l.Key]
	if names != nil && s != q.floodfill { // the second marker lets who asks it wait
		return nil
	}
	return &netdb.Reply{Search: &i2np.DatabaseSearchReply{Key: l.Key, Peers: names, From: s.Self()}}
}

// hear notes what a suspect sends to the attacker under his own name.
func (q *inquisition) hear(s *spy, from i2p.Hash, m i2np.Message) {
	i := slices.IndexFunc(q.suspects, func(r *mesh.Router) bool { return r.Self() == from })
	if i < 0 {
		return
	}
	words := fmt.Sprintf("%d %v %d", slices.Index(q.markers, s), m.Type, len(m.Body))
	switch m.Type {
	case i2np.DatabaseSearchReplyType:
		if r, err := i2np.ParseDatabaseSearchReply(m.Body); err == nil {
			words = "names"
			for _, h := range r.Peers {
				words += " " + h.String()[:4]
			}
		}
	case i2np.DatabaseStoreType:
		if st, err := i2np.ParseDatabaseStore(m.Body); err == nil {
			words = fmt.Sprintf("%d gives %d %v", slices.Index(q.markers, s), st.Type, st.Key != from)
		}
	}
	if m.Type == i2np.GarlicType && s != q.prober { // out of somebody's tunnel that ends at the suspect
		if slices.Contains(q.markers, s) {
			q.ends[i] = true
		}
		return
	}
	q.tell(i, words)
}

func (q *inquisition) tell(i int, words string) {
	w := &q.seen[i]
	if !w.any {
		w.any, w.first = true, q.net.Now().Sub(q.begun)
	}
	w.words += words + "; "
}

// distances are those of the floodfills but the attacker's to a key, the least first.
func (q *inquisition) distances(key i2p.Hash) (all []i2p.Hash) {
	target := netdb.RoutingKey(key, q.net.Now())
	for h, ri := range q.known {
		if ri.IsFloodfill() && h != q.floodfill.Self() && !slices.ContainsFunc(q.markers, func(m *spy) bool { return m.Self() == h }) {
			all = append(all, xor(h, target))
		}
	}
	slices.SortFunc(all, func(a, b i2p.Hash) int { return a.Compare(b) })
	return all
}

func xor(a, b i2p.Hash) (d i2p.Hash) {
	for i := range d {
		d[i] = a[i] ^ b[i]
	}
	return d
}

// ours reports whether the attacker's floodfill is the closest to a key.
func (q *inquisition) ours(key i2p.Hash) bool {
	d := xor(q.floodfill.Self(), netdb.RoutingKey(key, q.net.Now()))
	return bytes.Compare(d[:], q.distances(key)[0][:]) < 0
}

// set makes a lease set that is looked for at the attacker's.
func (q *inquisition) set() *leaseset.LeaseSet2 {
	for {
		keys, err := i2p.GenerateDestination(sign.EdDSA_SHA512_Ed25519, i2p.CryptoX25519, q.rand)
		if err != nil {
			q.t.Fatal(err)
		}
		set, err := leaseset.Build2(leaseset.Build2Config{
			Keys: keys, Published: i2p.DateOf(q.net.Now()), EncryptionKeys: []leaseset.EncryptionKey{{Type: 4, Key: make([]byte, 32)}},
			Leases: []leaseset.Lease{{Gateway: q.prober.Self(), TunnelID: 2, Expires: i2p.DateOf(q.net.Now().Add(9 * time.Minute))}},
		})
		if err != nil {
			q.t.Fatal(err)
		}
		if q.ours(set.Hash()) {
			return set
		}
	}
}

// mark makes a router that those who look for a key would ask before others, and has
// the floodfill name it to them.
func (q *inquisition) mark(key i2p.Hash) {
	target := netdb.RoutingKey(key, q.net.Now())
	second := q.distances(key)[1] // with the attacker's floodfill the third
	m := q.spy("XfR", func(h i2p.Hash) bool {
		d := xor(h, target)
		return bytes.Compare(d[:], second[:]) < 0 && q.ours(h)
	})
	m.asked = q.answer
	q.markers = append(q.markers, m)
	q.names[key] = []i2p.Hash{m.Self()}
}

// confess is one guess: a destination opens behind a suspect, is told of routers that
// nobody else knows, and is waiting for an answer while all suspects are asked. It
// returns what was seen of each to each question, or nothing where the destination did
// not come to the attacker.
func (q *inquisition) confess(host int) (names []string, seen [][]testimony) {
	first, second := q.set(), q.set()
	q.names, q.sets = map[i2p.Hash][]i2p.Hash{}, map[i2p.Hash]*leaseset.LeaseSet2{first.Hash(): first}
	q.markers, q.open = nil, nil
	q.mark(first.Hash())
	q.mark(second.Hash())
	q.betrays, q.ends = make(map[i2p.Hash]int), make(map[int]bool)

	r := q.suspects[host]
	shape := router.Shape{Hops: 2, Quantity: 2}
	d := r.Core.OpenTunnels(router.TunnelsConfig{
		Name: "destination", Inbound: shape, Outbound: shape, Deliver: func(_ uint32, m i2np.Message) { m.Release() },
	})
	r.Wake()
	defer func() {
		d.Close()
		r.Wake()
		for _, m := range q.markers {
			m.Leave()
			delete(q.known, m.Self())
		}
		q.net.Run(2 * time.Second)
	}()
	q.net.Run(10 * time.Second)
	var found leaseset.Record
	d.LookupLeaseSet(first.Hash(), 0, func(set leaseset.Record, _ error) { found = set })
	r.Wake()
	q.net.Run(8 * time.Second)
	if found == nil { // it took another way, or lost a message
		return nil, nil
	}
	d.LookupLeaseSet(second.Hash(), 0, func(leaseset.Record, error) {})
	r.Wake()
	q.net.Run(8 * time.Second)
	if q.open == nil || q.open.Key != second.Hash() {
		return nil, nil
	}
	for _, p := range q.probes(first, second, *q.open) {
		names = append(names, p.name)
		q.begun, q.seen = q.net.Now(), make([]testimony, suspects)
		for i := range q.seen {
			q.seen[i].clear = q.ends[i]
		}
		for i, s := range q.suspects {
			for _, m := range p.messages(i, s) {
				q.prober.send(s.Self(), m)
			}
		}
		q.net.Run(4 * time.Second)
		seen = append(seen, q.seen)
	}
	return names, seen
}

// TestLinking: behind one of fifty routers there is a destination. The attacker knows
// what only it was told and asked, and asks each of them anything. Whatever he goes by,
// he finds the right one no more often than by chance.
func TestLinking(t *testing.T) {
	q := newInquisition(t, 11)
	q.net.Run(30 * time.Second)
	hits := make(map[string]float64)
	guesses, clues := 0, 0
	for tries := 0; guesses < arrests; tries++ {
		if tries == 8*arrests {
			t.Fatalf("of %d destinations %d came to the attacker", tries, guesses)
		}
		host := int(q.rand.Uint64() % suspects)
		names, seen := q.confess(host)
		if names == nil {
			continue
		}
		guesses++
		clues = len(names) * len(rules)
		for i, name := range names {
			for rule, guess := range rules {
				if g := guess(seen[i]); slices.Contains(g, host) {
					hits[fmt.Sprintf("%d %s: %s", i, name, rule)] += 1 / float64(len(g))
				}
			}
		}
	}
	best, sum := "", 0.0
	for by, n := range hits {
		sum += n
		if best == "" || n > hits[best] || n == hits[best] && by < best {
			best = by
		}
	}
	t.Logf("%d suspects, %d guesses by each of %d clues: %.1f%% are right, by chance %.1f%%; the best clue has %.1f of %d (%s)",
		suspects, arrests, clues, 100*sum/float64(clues*arrests), 100.0/suspects, hits[best], arrests, best)
	if hits[best] > arrests/4 {
		t.Errorf("by %q the attacker finds %.1f of %d", best, hits[best], arrests)
	}
}
