package attack

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"i2ptoolkit/pkg/env"
	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/ratchet"
	"i2ptoolkit/pkg/routerinfo"
	"i2ptoolkit/pkg/transport"
	"i2ptoolkit/pkg/transport/ntcp2link"
)

// Floodfill is one of the attacker's: it serves as any does, but for the keys for which it
// names whom it likes.
type Floodfill struct {
	*Identity
	transport *transport.Transport

	mu      sync.Mutex
	routers map[i2p.Hash]*routerinfo.RouterInfo
	sets    map[i2p.Hash]i2np.DatabaseStore
	marks   map[i2p.Hash]*Identity // by the key that is looked up
	asked   map[i2p.Hash]int       // lookups of a key
}

// NewFloodfill makes one that listens at an address of the network's; Run runs it.
func NewFloodfill(n transport.Network, at netip.AddrPort) (*Floodfill, error) {
	id, err := NewIdentity(nil, "XfR", at)
	if err != nil {
		return nil, err
	}
	f := &Floodfill{
		Identity: id, routers: make(map[i2p.Hash]*routerinfo.RouterInfo), sets: make(map[i2p.Hash]i2np.DatabaseStore),
		marks: make(map[i2p.Hash]*Identity), asked: make(map[i2p.Hash]int),
	}
	f.transport, err = transport.New(transport.Config{
		Env: env.Env{}.Complete(), Self: id.Hash(), NetID: NetID, Network: n,
		Drivers: []transport.Driver{ntcp2link.New(ntcp2link.Config{Keys: id.NTCP2, Listen: []netip.AddrPort{at}})},
		OurInfo: func() *routerinfo.RouterInfo { return id.Info },
		Events: transport.Events{
			Deliver:  f.deliver,
			PeerInfo: func(ri *routerinfo.RouterInfo, _ transport.Meeting, _ bool) { f.Learn(ri) },
		},
	})
	return f, err
}

// Run works until ctx ends.
func (f *Floodfill) Run(ctx context.Context) error { return f.transport.Run(ctx) }

// Learn has it know a router.
func (f *Floodfill) Learn(ri *routerinfo.RouterInfo) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.routers[ri.Hash()] = ri
}

// Mark has it name one router for a key from now on, and nobody else.
func (f *Floodfill) Mark(key i2p.Hash, named *Identity) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.marks[key] = named
}

// Asked is how often it was asked for a key.
func (f *Floodfill) Asked(key i2p.Hash) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.asked[key]
}

// deliver takes ownership of a message of a peer's.
func (f *Floodfill) deliver(_ i2p.Hash, m i2np.Message) {
	defer m.Release()
	if m.Type != i2np.GarlicType {
		f.handle(m)
		return
	}
	body, err := i2np.ParseGarlic(m.Body)
	if err != nil {
		return
	}
	opened, err := ratchet.OpenRouter(f.garlicKey(), time.Now(), body)
	if err != nil {
		return
	}
	for _, c := range opened.Cloves {
		f.handle(c.Message)
	}
}

// handle borrows a message.
func (f *Floodfill) handle(m i2np.Message) {
	switch m.Type {
	case i2np.DatabaseStoreType:
		if s, err := i2np.ParseDatabaseStore(m.Body); err == nil {
			f.store(s)
		}
	case i2np.DatabaseLookupType:
		if l, err := i2np.ParseDatabaseLookup(m.Body); err == nil {
			f.answer(l)
		}
	}
}

func (f *Floodfill) store(s i2np.DatabaseStore) {
	if s.Type == i2np.StoreRouterInfo {
		b, err := i2np.DecompressRouterInfo(s.Data, routerinfo.MaxLen)
		if err != nil {
			return
		}
		if ri, err := routerinfo.Parse(b); err == nil {
			f.Learn(ri)
		}
	} else {
		f.mu.Lock()
		f.sets[s.Key] = i2np.DatabaseStore{Key: s.Key, Type: s.Type, Data: append([]byte(nil), s.Data...)}
		f.mu.Unlock()
	}
	if s.ReplyToken != 0 {
		status := i2np.DeliveryStatus{MessageID: s.ReplyToken, Timestamp: i2p.DateOf(time.Now())}
		f.send(s.ReplyGateway, s.ReplyTunnel, message(i2np.DeliveryStatusType, s.ReplyToken, status.AppendTo(nil)))
	}
}

// answer answers a lookup, in the way that it names.
func (f *Floodfill) answer(l i2np.DatabaseLookup) {
	reply := f.find(l)
	reply.ID = 1
	if l.Encryption == i2np.ReplyECIES {
		sealed, err := ratchet.SealTagged(nil, l.ReplyKey, l.ReplyTag, []i2np.Clove{{Message: reply}})
		if err != nil {
			return
		}
		reply = message(i2np.GarlicType, 2, i2np.AppendGarlic(nil, sealed))
	}
	f.send(l.From, l.ReplyTunnel, reply)
}

// find makes the answer to a lookup.
func (f *Floodfill) find(l i2np.DatabaseLookup) i2np.Message {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked[l.Key]++
	named := i2np.DatabaseSearchReply{Key: l.Key, From: f.Hash()}
	if id := f.marks[l.Key]; id != nil {
		f.routers[id.Hash()] = id.Info
		named.Peers = []i2p.Hash{id.Hash()}
		return message(i2np.DatabaseSearchReplyType, 0, named.AppendTo(nil))
	}
	if s, ok := f.sets[l.Key]; ok && l.Kind != i2np.LookupRouterInfo {
		return message(i2np.DatabaseStoreType, 0, s.AppendTo(nil))
	}
	if ri := f.routers[l.Key]; ri != nil && l.Kind != i2np.LookupLeaseSet {
		s := i2np.DatabaseStore{Key: l.Key, Type: i2np.StoreRouterInfo, Data: i2np.CompressRouterInfo(ri.Bytes())}
		return message(i2np.DatabaseStoreType, 0, s.AppendTo(nil))
	}
	for h, ri := range f.routers {
		if ri.IsFloodfill() && len(named.Peers) < 3 && !f.isMark(h) {
			named.Peers = append(named.Peers, h)
		}
	}
	return message(i2np.DatabaseSearchReplyType, 0, named.AppendTo(nil))
}

func (f *Floodfill) isMark(h i2p.Hash) bool {
	for _, id := range f.marks {
		if id.Hash() == h {
			return true
		}
	}
	return false
}

// send sends a message to a router, or into its tunnel where one is named.
func (f *Floodfill) send(to i2p.Hash, tunnel uint32, m i2np.Message) {
	f.mu.Lock()
	ri := f.routers[to]
	f.mu.Unlock()
	if tunnel != 0 {
		m = message(i2np.TunnelGatewayType, m.ID, i2np.AppendTunnelGateway(nil, tunnel, m))
	}
	if m = m.Own(); ri != nil {
		f.transport.Send(ri, m)
	} else {
		f.transport.SendTo(to, m)
	}
}
