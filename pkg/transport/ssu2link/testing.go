package ssu2link

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"time"

	"i2ptoolkit/pkg/draw"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/reach"
	"i2ptoolkit/pkg/routerinfo"
	"i2ptoolkit/pkg/ssu2"
	"i2ptoolkit/pkg/transport"
)

// families are what is known of the families that have a socket.
type families []*family

type family struct {
	*reach.Family
	v4   bool
	from netip.Addr // from which we send; the zero value where that is not known
	meet time.Time  // when another Bob may be dialled

	where ssu2.Where // as the socket was told last
}

// locate tells the sockets where we are, by what is known now.
func (k *desk) locate(now time.Time) {
	for _, f := range k.finds {
		s := k.d.socketFor(unspecified(f.v4))
		at := transport.AddrOf(s.conn.LocalAddr())
		if at.Addr().IsUnspecified() {
			at = netip.AddrPortFrom(f.from, at.Port())
		}
		if w := (ssu2.Where{From: at, Seen: f.Address(now)}); w != f.where {
			f.where = w
			s.box.Call(func() { s.endpoint.Tokens().Here(w) })
		}
	}
}

func (f *families) begin(d *Driver, random *draw.Source) {
	now := d.host.Now()
	for _, s := range d.sockets {
		*f = append(*f, &family{Family: reach.New(s.v4, now, random.Split()), v4: s.v4})
	}
}

func (f families) of(v4 bool) *family {
	for _, g := range f {
		if g.v4 == v4 {
			return g
		}
	}
	return nil
}

func (f families) at(a netip.Addr) *family { return f.of(a.Unmap().Is4()) }

// address is where others see us, for the engines; as long as nobody has said so, where we publish that we are.
func (k *desk) address(v4 bool) (at netip.AddrPort) {
	f := k.finds.of(v4)
	if f == nil {
		return at
	}
	if at = f.Guess(k.d.host.Now()); at.IsValid() {
		return at
	}
	if ri := k.d.host.OurInfo(); ri != nil {
		at, _ = serves(ri, v4, "")
	}
	return at
}

// moved notes that the machine has lost addresses. It may have many from which it sends nothing to peers, as
// those of networks of containers, which come and go.
func (k *desk) moved(gone []netip.Addr) {
	now := k.d.host.Now()
	k.looked = time.Time{}
	for _, f := range k.finds {
		if !f.from.IsValid() && slices.ContainsFunc(gone, func(a netip.Addr) bool { return a.Is4() == f.v4 && a.IsGlobalUnicast() }) {
			k.elsewhere(now, f)
		}
	}
	k.look(now)
}

// elsewhere has all found out anew: we send from another address. What went from the one before has opened no
// NAT that is before us now.
func (k *desk) elsewhere(now time.Time, f *family) {
	f.Local(now, true, true)
	k.recent.forget(f.v4)
	for _, s := range k.sides {
		k.recent.add(now, s.remote.Addr())
	}
}

// lookEvery is how often the machine's addresses are looked at.
const lookEvery = 10 * time.Second

// look tells the families whether the machine has an address, and whether anybody is there.
func (k *desk) look(now time.Time) {
	for _, s := range k.sides {
		k.heard(now, s.remote.Addr())
	}
	if now.Sub(k.looked) < lookEvery {
		return
	}
	addrs, err := k.d.host.Network.Addrs()
	if err != nil {
		return
	}
	k.looked = now
	for _, f := range k.finds {
		s := k.d.socketFor(unspecified(f.v4))
		local := transport.AddrOf(s.conn.LocalAddr()).Addr()
		has := local.IsLoopback()
		for _, a := range addrs {
			has = has || a.Is4() == f.v4 && a.IsGlobalUnicast()
		}
		f.Local(now, has, false)
		if from := k.d.host.Leaves(f.v4); from.IsValid() && local.IsUnspecified() {
			if f.from.IsValid() && f.from != from {
				k.elsewhere(now, f)
			}
			f.from = from
		}
	}
}

func (k *desk) heard(now time.Time, from netip.Addr) {
	if f := k.finds.at(from); f != nil {
		f.Heard(now)
	}
}

// stranger reports whether nothing of ours has gone to an address lately, nor goes there now: through a NAT all of it
// reach us to which a session goes, however old that is.
func (k *desk) stranger(now time.Time, a netip.Addr) bool {
	return !k.recent.has(now, a) &&
		!slices.ContainsFunc(k.sides, func(s *side) bool { return s.remote.Addr() == a || s.at() == a })
}

// at is where a peer is now; it may have moved.
func (s *side) at() netip.Addr {
	if s.link == nil { // in tests
		return s.remote.Addr()
	}
	return s.link.State().Remote.Addr()
}

func (k *desk) came(now time.Time, from netip.Addr) {
	if f := k.finds.at(from); f != nil {
		f.Came(now, from)
	}
}

// seen takes where a peer sees us.
func (k *desk) seen(now time.Time, s *side, by netip.Addr, us netip.AddrPort) {
	if f := k.finds.at(by); f != nil && k.believed(now, f, s.inbound, us) {
		f.Said(now, by, us)
	}
}

// believed reports whether a word for an address of ours counts. Who came by himself has found us where strangers reach
// us, or where we were introduced, and so has who tested us: his word for another address, or another port of one at which
// strangers reach us, proves nothing, and three such peers could have us publish any, or none.
func (k *desk) believed(now time.Time, f *family, stranger bool, us netip.AddrPort) bool {
	if !k.d.host.MayDial(us.Addr()) {
		return false
	}
	st := f.Status(now)
	if !stranger || !st.Address.IsValid() || st.State == reach.Unknown || us == st.Address {
		return true
	}
	if us.Addr() == st.Address.Addr() && st.State != reach.OK { // behind a NAT ports may differ
		return true
	}
	k.counts.doubted.Add(1)
	return false
}

// serves reports whether a router takes part in peer tests of a family, by what it publishes
// (SSU2, Published Addresses, caps).
func serves(ri *routerinfo.RouterInfo, v4 bool, capability string) (at netip.AddrPort, ok bool) {
	for _, a := range ri.SSU2() {
		if at := a.AddrPort(); at.IsValid() && at.Addr().Is4() == v4 && strings.Contains(a.Caps(), capability) {
			return at, true
		}
	}
	return netip.AddrPort{}, false
}

// The capabilities of an address (SSU2, Published Addresses).
const (
	testsPeers = "B"
	introduces = "C"
)

// chooseCharlie gives us as Bob a router for a test of Alice's: none of some. One of our own network goes last, as Alice
// cannot know that we and it are not of one owner.
func (k *desk) chooseCharlie(v4 bool, not []i2p.Hash) (charlie i2p.Hash, ok bool) {
	if len(k.sides) == 0 {
		return charlie, false
	}
	us := &side{remote: k.address(v4)}
	first := k.random.Below(len(k.sides))
	for i := range k.sides {
		s := k.sides[(first+i)%len(k.sides)]
		at, able := serves(s.info, v4, testsPeers)
		if !able || slices.Contains(not, s.hash) {
			continue
		}
		if !near(us, &side{remote: at}) {
			return s.hash, true
		}
		charlie, ok = s.hash, true
	}
	return charlie, ok
}

// test begins the tests of our own that are due.
func (k *desk) test(ctx context.Context, now time.Time) {
	if k.d.host.Hidden() || k.d.host.OurInfo() == nil {
		return
	}
	for _, f := range k.finds {
		if !f.Due(now) {
			// Sessions over the other family leave this one silent for as long as nobody is dialled over it.
			if f.Status(now).State == reach.Disconnected && !now.Before(f.meet) {
				f.meet = now.Add(meetSilent)
				k.meetSome(ctx, f.v4, testsPeers)
			}
			continue
		}
		if bob := k.chooseBob(f); bob != nil {
			if out, err := k.tests.Begin(now, bob.hash, f.v4); err == nil {
				f.Begun(now)
				k.bobs[bob.hash] = bob.remote.Addr()
				k.tested(now, out)
				continue
			}
		}
		if !now.Before(f.meet) {
			f.meet = now.Add(meetEvery)
			k.meetSome(ctx, f.v4, testsPeers)
		}
	}
}

// chooseBob finds the link with a router for a test of ours: one of another network than the
// last, and none that has one of ours under way. Whom we have dialled goes first: who comes by himself may come in
// numbers, to say what is not so.
func (k *desk) chooseBob(f *family) (bob *side) {
	if len(k.sides) == 0 {
		return nil
	}
	first := k.random.Below(len(k.sides))
	for i := range k.sides {
		s := k.sides[(first+i)%len(k.sides)]
		_, busy := k.bobs[s.hash]
		if _, ok := serves(s.info, f.v4, testsPeers); !ok || busy || s.remote.Addr().Is4() != f.v4 || !f.Fits(s.remote.Addr()) {
			continue
		}
		if !s.inbound {
			return s
		}
		if bob == nil {
			bob = s
		}
	}
	return bob
}

// tested does what follows from a test. Two at a time may have the same Charlie: what one sends him opens the way
// for what he sends to the other, which says nothing then.
func (k *desk) tested(now time.Time, r ssu2.PeerTestResult) {
	for _, g := range r.Send {
		if len(k.bobs) > 0 && !k.stranger(now, g.To.Addr()) {
			k.holes[g.To.Addr()] = true
		}
	}
	o := r.Outcome
	if o != nil {
		if f := k.finds.of(o.V4); f != nil {
			f.Tested(now, k.outcome(now, o))
		}
		k.d.host.Log.Debug("peer test", "v4", o.V4, "verdict", o.Verdict.String(), "code", o.Code, "seen", o.Seen.IsValid())
		if delete(k.bobs, o.Bob); len(k.bobs) == 0 {
			clear(k.holes)
		}
	}
	k.deliver(r.Send, r.Blocks)
}

// outcome is a test's in the words of package reach. That somebody reached us to whom something
// of ours went a moment ago says nothing, and neither does a message that no Charlie has
// signed for.
func (k *desk) outcome(now time.Time, o *ssu2.PeerTestOutcome) reach.Outcome {
	out := reach.Outcome{Bob: k.bobs[o.Bob]}
	if f := k.finds.of(o.V4); f != nil && k.believed(now, f, true, o.Seen) {
		out.Seen = o.Seen
	}
	info := k.find(o.Charlie)
	if o.Charlie.IsZero() || info == nil {
		return out
	}
	at, ok := serves(info, o.V4, "")
	if !ok {
		return out
	}
	out.Charlie = at.Addr()
	switch o.Verdict {
	case ssu2.VerdictReachable:
		if !k.holes[at.Addr()] {
			out.Verdict = reach.Reached
		}
	case ssu2.VerdictFirewalled:
		out.Verdict = reach.Blocked
	case ssu2.VerdictSymmetricNAT:
		out.Verdict = reach.OtherPort
	}
	return out
}
