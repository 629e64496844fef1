package lookups

import (
	"fmt"
	"slices"
	"strings"

	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/netdb"
)

// autopsies says of the lookups that have failed meanwhile what they might have found, and
// where: the floodfills are named by their place, the closest to the key being 0.
func (w *world) autopsies(qs []*question) {
	for _, q := range qs {
		if q.ended && q.err != nil && q.why == "" {
			q.why = w.autopsy(q)
			w.failures = append(w.failures, q.why)
		}
	}
}

func (w *world) autopsy(q *question) string {
	full, places := w.ranking(q.key)
	what := "router"
	if q.kind == i2np.LookupLeaseSet {
		what = "lease set"
	}
	age := "gone"
	if m := w.publisher(q.key); m != nil {
		age = fmt.Sprintf("%.0f s old", q.begun.Sub(m.since).Seconds())
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %.6s of a router %s, sought by one %.0f s old, after %s: %v; held at", q.begun.Format("15:04:05"),
		what, q.key, age, q.begun.Sub(q.from.since).Seconds(), ms(q.took), q.err)
	for place, m := range full {
		if m.Serves(q.key, q.kind) {
			fmt.Fprintf(&b, " %d", place)
		}
	}
	b.WriteString("; asked")
	answers := 0
	for _, a := range q.trace {
		where := "gone"
		if place, lives := places[a.Floodfill]; lives {
			where = fmt.Sprint(place)
		} else if w.swarm.Has(a.Floodfill) {
			where = "forged"
		}
		fmt.Fprintf(&b, " %s", where)
		switch {
		case a.Unsent:
			b.WriteString(" (not sent)")
		case a.Answer == netdb.NoAnswer:
			b.WriteString(" (silent)")
		default:
			answers++
		}
	}
	if answers == 0 {
		b.WriteString("; through" + w.tunnelsOf(q))
	}
	return b.String()
}

// ranking are the floodfills that live, by their distance from a key.
func (w *world) ranking(key i2p.Hash) (full []*member, places map[i2p.Hash]int) {
	for _, m := range w.living {
		if m.Info().IsFloodfill() {
			full = append(full, m)
		}
	}
	routing := netdb.RoutingKey(key, w.net.Now())
	slices.SortFunc(full, func(a, b *member) int { return routing.Xor(a.Self()).Compare(routing.Xor(b.Self())) })
	places = make(map[i2p.Hash]int)
	for place, m := range full {
		places[m.Self()] = place
	}
	return full, places
}

// publisher is the router of a key, or that of its destination; nil where it has left.
func (w *world) publisher(key i2p.Hash) *member {
	for _, d := range w.dests {
		if d.keys.Identity.Hash() == key {
			return d.at
		}
	}
	return w.find(key)
}

func (w *world) find(router i2p.Hash) *member {
	if i := slices.IndexFunc(w.living, func(m *member) bool { return m.Self() == router }); i >= 0 {
		return w.living[i]
	}
	return nil
}

// tunnelsOf are those that a question could go through.
func (w *world) tunnelsOf(q *question) string {
	var b strings.Builder
	for _, t := range q.from.Tunnels() {
		if !t.Own || t.Client != (q.kind == i2np.LookupLeaseSet) {
			continue
		}
		way, state := "out", "works"
		if t.Inbound {
			way = "in"
		}
		gone := func(h i2p.Hash) bool { return w.find(h) == nil }
		switch {
		case slices.ContainsFunc(t.Hops, gone):
			state = "broken"
		case t.Failing:
			state = "failing"
		}
		fmt.Fprintf(&b, " %s (%s)", way, state)
	}
	return b.String()
}
