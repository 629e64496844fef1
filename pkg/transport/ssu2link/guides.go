package ssu2link

import (
	"context"
	"encoding/binary"
	"maps"
	"slices"
	"strconv"
	"time"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/origin"
	"i2ptoolkit/pkg/reach"
	"i2ptoolkit/pkg/routerinfo"
	"i2ptoolkit/pkg/ssu2"
	"i2ptoolkit/pkg/transport"
)

// How a router that cannot be reached keeps routers that introduce others to it.
const (
	wantGuides  = 3                // as many as an address names
	guideLife   = 80 * time.Minute // iexp, from when the address is made
	guideRenew  = 40 * time.Minute // when another is due
	guidePause  = 3 * time.Second  // between changes of what is published, but for the first
	tagPatience = 5 * time.Second  // until a tag that was asked for has come
	guideAlive  = 18 * time.Second // the mapping of a NAT for UDP may last for 30 s only
	meetEvery   = 3 * time.Second  // dials to routers that may test or introduce us
	meetSilent  = 30 * time.Second // the same, over a family over which nobody is heard
	mostMeets   = 2                // at a time
)

// guides are the introducers of ours, and what is told of them.
type guides struct {
	chosen    []*side
	meet      time.Time // when another may be dialled
	alive     time.Time // when they are to be sent something
	published time.Time
}

// grant gives a peer a tag by which we introduce others to it (SSU2, Relay Tag Request).
func (k *desk) grant(s *side) {
	if k.d.host.Hidden() || !k.reached() || k.side(s.hash) == nil {
		return
	}
	if !s.given && k.crowded(s) {
		k.counts.tagsFull.Add(1)
		return
	}
	tag, ok := k.relay.Grant(s.hash)
	if !ok {
		k.counts.tagsFull.Add(1)
		return
	}
	s.given = true
	s.link.hold(true)
	k.give(s, nil, ssu2.AppendRelayTag(nil, tag))
}

// mostTags are how many of the tags the networks of one peer may hold, the narrowest first: a link with a tag is kept
// though it be idle, and one host that opens many would leave none for others.
var mostTags = [origin.Steps]int{8, 32, 128}

// crowded reports whether a peer's networks hold as many tags as they may.
func (k *desk) crowded(s *side) bool {
	of := k.d.host.Counted(s.remote.Addr())
	if !of.Known() {
		return false
	}
	var held [origin.Steps]int
	for _, o := range k.sides {
		if !o.given {
			continue
		}
		for i, p := range k.d.host.Counted(o.remote.Addr()) {
			if p == of[i] {
				held[i]++
			}
		}
	}
	for i, n := range held {
		if n >= mostTags[i] {
			return true
		}
	}
	return false
}

// reached reports whether strangers reach us, over any family.
func (k *desk) reached() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.view.serves
}

// tagged notes the tag that a peer has given us. Who was not asked for one does not make himself an introducer of ours,
// and who gives one after the other does not have us publish a RouterInfo with each.
func (k *desk) tagged(s *side, tag ssu2.RelayTag) {
	if !s.wants && s.asked.IsZero() || s.tag != 0 && s.tag != tag {
		k.counts.tagsUnasked.Add(1)
		return
	}
	s.tag = tag
}

// untagged notes that a link has gone, of whose tag others may know for a while.
func (k *desk) untagged(now time.Time, s *side) {
	if s.tag == 0 {
		return
	}
	maps.DeleteFunc(k.tagsOf, func(_ i2p.Hash, until time.Time) bool { return !now.Before(until) })
	if len(k.tagsOf) < mostTagsOf {
		k.tagsOf[s.hash] = now.Add(guideLife)
	}
}

const mostTagsOf = 1 << 10

// introducedBy reports whether a peer introduces others to us, by a tag that we have asked for.
func (k *desk) introducedBy(bob i2p.Hash) bool {
	return k.d.host.Now().Before(k.tagsOf[bob]) ||
		slices.ContainsFunc(k.sides, func(s *side) bool { return s.hash == bob && s.tag != 0 })
}

// hides reports whether others need to be introduced to us over a family.
func (f *family) hides(now time.Time) bool {
	switch f.Status(now).State {
	case reach.Firewalled, reach.SymmetricNAT:
		return true
	}
	return false
}

// guide keeps introducers where others need to be introduced to us: of different networks, with a tag each.
func (k *desk) guide(ctx context.Context, now time.Time) {
	g := &k.guides
	g.chosen = slices.DeleteFunc(g.chosen, func(s *side) bool {
		f := k.finds.at(s.remote.Addr())
		if slices.Contains(k.sides, s) && f != nil && f.hides(now) && !k.d.host.Hidden() {
			return false
		}
		s.link.hold(s.given)
		k.d.host.Log.Debug("an introducer less", "router", s.hash.String()[:6], "stands", slices.Contains(k.sides, s))
		return true
	})
	for _, f := range k.finds {
		if f.hides(now) && !k.d.host.Hidden() {
			k.guideOf(ctx, now, f)
		}
	}
	if !now.Before(g.alive) {
		g.alive = now.Add(guideAlive)
		for _, s := range g.chosen {
			s.link.ping()
		}
	}
}

func (k *desk) guideOf(ctx context.Context, now time.Time, f *family) {
	g := &k.guides
	have, waiting := 0, 0
	for _, s := range g.chosen {
		if s.remote.Addr().Is4() == f.v4 {
			have++
		}
	}
	for _, s := range k.sides {
		if have == wantGuides {
			return
		}
		if _, ok := serves(s.info, f.v4, introduces); !ok || s.remote.Addr().Is4() != f.v4 || !k.another(s) {
			continue
		}
		switch {
		case s.tag != 0:
			g.chosen = append(g.chosen, s)
			s.link.hold(true)
			have++
		case s.asked.IsZero():
			s.asked = now
			k.give(s, nil, ssu2.AppendRelayTagRequest(nil))
			waiting++
		case now.Sub(s.asked) < tagPatience:
			waiting++
		}
	}
	if have+waiting < wantGuides && !now.Before(g.meet) {
		g.meet = now.Add(meetEvery)
		k.meetSome(ctx, f.v4, introduces)
	}
}

// another reports whether a link is of another network than all introducers chosen.
func (k *desk) another(s *side) bool {
	return !slices.ContainsFunc(k.guides.chosen, func(o *side) bool { return o.hash == s.hash || near(o, s) })
}

func near(a, b *side) bool {
	na, nb := origin.Of(a.remote.Addr()), origin.Of(b.remote.Addr())
	return na[len(na)-1] == nb[len(nb)-1]
}

// meetSome dials a router that may be of use, of those that publish an address of the family
// with a capability, and to which there is no link. It is not dialled from the loop.
func (k *desk) meetSome(ctx context.Context, v4 bool, capability string) {
	if k.meets >= mostMeets {
		return
	}
	known := map[i2p.Hash]bool{k.d.host.Self: true}
	var avoid []*side
	for _, s := range k.sides {
		known[s.hash] = true
		avoid = append(avoid, s)
	}
	k.meets++
	random := k.random.Split()
	k.met++
	turn := i2p.HashOf(binary.BigEndian.AppendUint64(nil, k.met))
	if !k.d.host.Go(func() {
		defer k.box.Call(func() { k.meets-- })
		k.d.turn(turn)
		var far, other []*routerinfo.RouterInfo
		for _, ri := range k.d.host.Others() {
			at, ok := serves(ri, v4, capability)
			if !ok || known[ri.Hash()] || len(k.d.dialableOver(ri, v4)) == 0 {
				continue
			}
			if it := (&side{remote: at}); slices.ContainsFunc(avoid, func(s *side) bool { return near(s, it) }) {
				other = append(other, ri)
			} else {
				far = append(far, ri)
			}
		}
		if len(far) == 0 {
			far = other
		}
		if len(far) > 0 {
			ri := far[random.Below(len(far))]
			k.d.meet(ctx, ri, k.d.dialableOver(ri, v4), random)
		}
	}) {
		k.meets--
	}
}

// view is what others ask of the desk. It is made anew in each turn.
type view struct {
	reach  []transport.Reach
	guides []routerinfo.Introducer // without their ends
	v4s    []bool                  // the family of each
	guess  map[bool]bool           // whether we have an idea of our address, by family
	serves bool                    // strangers reach us, or the settings say so
	wants  map[bool]bool           // tags, by family
}

// viewed makes the view.
func (k *desk) viewed(now time.Time) view {
	v := view{guess: map[bool]bool{}, wants: map[bool]bool{}}
	for _, f := range k.finds {
		st := f.Status(now)
		r := transport.Reach{Status: st}
		for _, s := range k.guides.chosen {
			if s.remote.Addr().Is4() == f.v4 {
				v.guides = append(v.guides, routerinfo.Introducer{Hash: s.hash, Tag: uint32(s.tag)})
				v.v4s = append(v.v4s, f.v4)
				r.Introducers++
			}
		}
		v.reach = append(v.reach, r)
		v.guess[f.v4] = f.Guess(now).IsValid()
		v.wants[f.v4] = st.State != reach.OK && !k.d.host.Hidden()
		v.serves = v.serves || st.State == reach.OK
	}
	v.serves = v.serves || k.d.open.Load()
	return v
}

// show has others see the view, and our RouterInfo made anew where it says something else.
func (k *desk) show(now time.Time) {
	v := k.viewed(now)
	k.mu.Lock()
	same := v.says(k.view) && now.Sub(k.guides.published) < guideRenew
	if !same && now.Sub(k.guides.published) < guidePause && len(v.guides) >= len(k.view.guides) && v.publishes(k.view) {
		v.guides, v.v4s, v.reach = k.view.guides, k.view.v4s, k.view.reach // a moment later, with more
		same = true
	}
	k.view = v
	if !same {
		k.guides.published = now
	}
	k.mu.Unlock()
	if !same {
		k.d.host.Readdressed()
	}
}

// says reports whether both views have the same addresses published.
func (v view) says(o view) bool { return v.publishes(o) && slices.Equal(v.guides, o.guides) }

// publishes is says but for the introducers.
func (v view) publishes(o view) bool {
	return slices.EqualFunc(v.reach, o.reach, func(a, b transport.Reach) bool {
		return a.V4 == b.V4 && (a.State == reach.OK) == (b.State == reach.OK) && (a.State != reach.OK || a.Address == b.Address)
	})
}

// Reach tells how others reach us.
func (d *Driver) Reach() []transport.Reach {
	if d.desk == nil {
		return nil
	}
	d.desk.mu.Lock()
	defer d.desk.mu.Unlock()
	return slices.Clone(d.desk.view.reach)
}

// now is the view.
func (k *desk) now() view {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.view
}

// has reports whether the machine has an address of the family.
func (v view) has(v4 bool) bool {
	return slices.ContainsFunc(v.reach, func(r transport.Reach) bool { return r.V4 == v4 && r.State != reach.NoAddress })
}

// found is where strangers reach us, of a family; the zero value is nowhere.
func (v view) found(v4 bool) (at reach.Status) {
	for _, r := range v.reach {
		if r.V4 == v4 && r.State == reach.OK {
			return r.Status
		}
	}
	return at
}

// introducers are the options of an address that others reach by introduction (SSU2, Published
// Addresses, Introducers).
func (v view) introducers(now time.Time, v4 bool, o map[string]string) (some bool) {
	n := 0
	for i, g := range v.guides {
		if v.v4s[i] != v4 {
			continue
		}
		at := strconv.Itoa(n)
		o["ih"+at], o["itag"+at] = g.Hash.String(), strconv.FormatUint(uint64(g.Tag), 10)
		o["iexp"+at] = strconv.FormatInt(now.Add(guideLife).Truncate(time.Minute).Unix(), 10)
		n++
	}
	return n > 0
}
