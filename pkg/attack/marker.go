package attack

import (
	"context"
	"crypto/rand"
	"net"
	"net/netip"
	"slices"
	"time"

	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/netdb"
	"i2ptoolkit/pkg/routerinfo"
)

// Marker looks for the router behind a destination: it has the destination look something
// up, for which a floodfill of the attacker's names a floodfill that nobody else knows, and
// then asks every suspected router whether it knows that one. It also looks who dials it.
type Marker struct {
	Floodfill *Floodfill
	Others    []i2p.Hash // floodfills, besides
	// Have has the destination look a key up, as a link on a page would.
	Have     func(ctx context.Context, key i2p.Hash)
	Behind   *routerinfo.RouterInfo // the router that it is behind
	Suspects []*routerinfo.RouterInfo
	Dial     func() dialFunc // from a new address each time
	Mark     net.Listener    // at which the ones that are named say to be
	counts
}

// foundBehind counts how often the router behind the destination knew the one that was named.
const foundBehind = "found behind"

// Run is Attack's.
func (k *Marker) Run(ctx context.Context) {
	watching := make(chan struct{})
	defer func() {
		k.Mark.Close()
		<-watching
	}()
	go func() {
		defer close(watching)
		k.watch()
	}()
	at := netip.MustParseAddrPort(k.Mark.Addr().String())
	again(ctx, 500*time.Millisecond, func() {
		mark, err := NewIdentity(nil, "XfR", at)
		if err != nil {
			return
		}
		key := k.nearest()
		k.Floodfill.Mark(key, mark)
		k.Have(ctx, key)
		k.add("marks", 1)
		if k.Floodfill.Asked(key) == 0 {
			return
		}
		k.add("marks named to the destination", 1)
		for _, suspect := range k.Suspects {
			k.count(suspect, k.knows(ctx, suspect, mark.Hash()))
		}
	})
}

// watch counts who dials those that were named. The last hops of the destination's tunnels do.
func (k *Marker) watch() {
	for {
		c, err := k.Mark.Accept()
		if err != nil {
			return
		}
		from := netip.MustParseAddrPort(c.RemoteAddr().String()).Addr().Unmap()
		c.Close()
		behind := slices.ContainsFunc(k.Behind.Addresses(), func(a routerinfo.Address) bool { return a.Host() == from })
		k.add(map[bool]string{true: "dials by the one behind", false: "dials by others"}[behind], 1)
	}
}

func (k *Marker) count(suspect *routerinfo.RouterInfo, knows bool) {
	switch {
	case !knows:
	case suspect == k.Behind:
		k.add(foundBehind, 1)
	default:
		k.add("found at others", 1)
	}
}

// nearest draws a key to which our floodfill is the nearest.
func (k *Marker) nearest() (key i2p.Hash) {
	for {
		rand.Read(key[:])
		at := netdb.RoutingKey(key, time.Now())
		ours := at.Xor(k.Floodfill.Hash())
		if !slices.ContainsFunc(k.Others, func(h i2p.Hash) bool { return at.Xor(h).Compare(ours) < 0 }) {
			return key
		}
	}
}

// knows asks a router in every way for one that is named.
func (k *Marker) knows(ctx context.Context, suspect *routerinfo.RouterInfo, mark i2p.Hash) (yes bool) {
	id, err := NewIdentity(nil, "LR")
	if err != nil {
		return false
	}
	s, err := OpenSession(ctx, k.Dial(), id, suspect, false)
	if err != nil {
		k.add("suspects not asked", 1)
		return false
	}
	defer s.Close()
	kinds := []i2np.LookupKind{i2np.LookupAny, i2np.LookupLeaseSet, i2np.LookupRouterInfo, i2np.LookupExploration}
	for i, kind := range kinds {
		l := i2np.DatabaseLookup{Key: mark, From: id.Hash(), Kind: kind}
		if s.Send(message(i2np.DatabaseLookupType, uint32(i+1), l.AppendTo(nil))) != nil {
			return false
		}
	}
	// A router that is no floodfill answers all but the last.
	answers := 0
	s.conn.SetReadDeadline(time.Now().Add(2 * time.Second))
	for answers < len(kinds)-1 {
		err := s.Frame(func(m i2np.Message) {
			if of, names, ok := answerOf(m); ok && of == mark {
				answers++
				yes = yes || names
			}
		})
		if err != nil {
			break
		}
	}
	k.add("answers", answers)
	return yes
}

// answerOf tells for which key a message is an answer, and whether it has or names the
// router with that hash.
func answerOf(m i2np.Message) (key i2p.Hash, names, ok bool) {
	switch m.Type {
	case i2np.DatabaseStoreType:
		s, err := i2np.ParseDatabaseStore(m.Body)
		return s.Key, true, err == nil
	case i2np.DatabaseSearchReplyType:
		r, err := i2np.ParseDatabaseSearchReply(m.Body)
		return r.Key, slices.Contains(r.Peers, r.Key), err == nil
	}
	return key, false, false
}
