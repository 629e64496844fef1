// Package swarm is a crowd of hostile routers in a simulated mesh: fakes that one
// operator runs, which claim to be fast floodfills and do nothing for others.
package swarm

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"slices"
	"time"

	"i2ptoolkit/pkg/draw"
	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/netdb"
	"i2ptoolkit/pkg/noise"
	"i2ptoolkit/pkg/ratchet"
	"i2ptoolkit/pkg/routerinfo"
	"i2ptoolkit/pkg/simnet/mesh"
	"i2ptoolkit/pkg/tunnel"
)

// Swarm is the crowd. Its fakes have identities of their own and one pair of keys,
// as one operator may: their RouterInfos are signed like any others.
type Swarm struct {
	net    *mesh.Net
	keys   *i2p.PrivateKeys
	static noise.KeyPair
	fakes  []*Fake
	sorted []*Fake // those that have appeared, by hash
}

// Fake is one router of the swarm. It claims to be a fast floodfill, answers
// lookups with other fakes, confirms stores and keeps nothing. Asked to be a hop it
// either agrees and drops what is sent through it, or drops the request.
type Fake struct {
	swarm  *Swarm
	at     netip.Addr
	port   *mesh.Port
	rand   *draw.Source
	info   *routerinfo.RouterInfo
	packed []byte // info, as it is sent
	agrees bool
	calls  []call // in the order of their time
	inbox  []i2np.Message
}

// call is a visit that a fake is to make.
type call struct {
	at      time.Time
	to      i2p.Hash
	publish bool // it stores its RouterInfo there, to be passed on
}

const fakeCaps = "XfR"

// New makes a swarm without fakes.
func New(net *mesh.Net) (*Swarm, error) {
	keys, err := i2p.GenerateRouter(net.Stream("swarm", 0))
	if err != nil {
		return nil, err
	}
	return &Swarm{net: net, keys: keys, static: noise.NewKeyPair([32]byte(keys.Crypto))}, nil
}

// identity is that of a fake, by its number: the identities differ in their padding
// (common structures, KeysAndCert).
func (s *Swarm) identity(number int) []byte {
	b := bytes.Clone(s.keys.Identity.Bytes())
	for i := 32; i < 352; i += 32 {
		binary.BigEndian.PutUint32(b[i:], uint32(number)+1)
	}
	return b
}

// Near is the next number, from one on, of a fake whose hash shares so many leading bits with
// a key: the padding is free to choose.
func (s *Swarm) Near(key i2p.Hash, bits, from int) int {
	for ; netdb.SharedBits(i2p.HashOf(s.identity(from)), key) < bits; from++ {
	}
	return from
}

// Make makes a fake, by its number, that has not appeared yet. It agrees to be a hop or
// does not.
func (s *Swarm) Make(number int, at netip.Addr, agrees bool) (*Fake, error) {
	id, _, err := i2p.ParseRouterIdentity(s.identity(number))
	if err != nil {
		return nil, err
	}
	keys := *s.keys
	keys.Identity = id.Identity
	f := &Fake{swarm: s, at: at, agrees: agrees, rand: draw.From(s.net.Stream("fake", number))}
	if f.info, err = mesh.Info(&keys, at, fakeCaps, s.net.Now()); err != nil {
		return nil, err
	}
	f.packed = i2np.CompressRouterInfo(f.info.Bytes())
	s.fakes = append(s.fakes, f)
	return f, nil
}

// Visit has a fake dial a router at a time, and store its RouterInfo there where it
// publishes, to be passed on.
func (f *Fake) Visit(at time.Time, to i2p.Hash, publish bool) {
	c := call{at, to, publish}
	i, _ := slices.BinarySearchFunc(f.calls, c, func(a, b call) int {
		if a.at.After(b.at) {
			return 1
		}
		return -1 // after all others of its time
	})
	f.calls = slices.Insert(f.calls, i, c)
}

// Appear brings a fake into the network.
func (f *Fake) Appear() {
	s := f.swarm
	f.port = s.net.Join(f.at, func() *routerinfo.RouterInfo { return f.info }, func(*mesh.Port) mesh.Node { return f })
	i, _ := slices.BinarySearchFunc(s.sorted, f.info.Hash(), byHash)
	s.sorted = slices.Insert(s.sorted, i, f)
}

// End lets go of what the fakes have not looked at.
func (s *Swarm) End() {
	for _, f := range s.fakes {
		for _, m := range f.inbox {
			m.Release()
		}
		f.inbox = nil
	}
}

// Has tells whether a router is a fake that has appeared. There are none without a swarm.
func (s *Swarm) Has(router i2p.Hash) bool {
	if s == nil {
		return false
	}
	_, found := slices.BinarySearchFunc(s.sorted, router, byHash)
	return found
}

func byHash(f *Fake, h i2p.Hash) int { return f.info.Hash().Compare(h) }

// near names n fakes near a key, which a lookup may be led to.
func (s *Swarm) near(key i2p.Hash, n int, exclude []i2p.Hash) (out []i2p.Hash) {
	i, _ := slices.BinarySearchFunc(s.sorted, key, byHash)
	for j := max(0, i-4*n); j < len(s.sorted) && len(out) < 8*n; j++ {
		if h := s.sorted[j].info.Hash(); !slices.Contains(exclude, h) {
			out = append(out, h)
		}
	}
	slices.SortFunc(out, func(a, b i2p.Hash) int { return key.Xor(a).Compare(key.Xor(b)) })
	return out[:min(n, len(out))]
}

func (f *Fake) Handle(_ i2p.Hash, m i2np.Message) { f.inbox = append(f.inbox, m) }
func (f *Fake) Up(mesh.Peer)                      {}
func (f *Fake) Down(i2p.Hash)                     {}
func (f *Fake) Failed(i2p.Hash)                   {}
func (f *Fake) Wants(i2p.Hash) bool               { return false }

// Turn answers what has come, and makes the visits that are due.
func (f *Fake) Turn() time.Duration {
	for _, m := range f.inbox {
		f.handle(m)
		m.Release()
	}
	f.inbox = f.inbox[:0]
	now := f.port.Now()
	for len(f.calls) > 0 && !f.calls[0].at.After(now) {
		f.call(f.calls[0])
		f.calls = f.calls[1:]
	}
	if len(f.calls) == 0 {
		return 0
	}
	return f.calls[0].at.Sub(now)
}

func (f *Fake) call(c call) {
	if !c.publish {
		f.port.Visit(c.to)
		return
	}
	h := f.info.Hash()
	store := i2np.DatabaseStore{
		Key: h, Type: i2np.StoreRouterInfo, ReplyToken: f.rand.Nonzero32(), ReplyGateway: h,
		Data: f.packed,
	}
	f.send(c.to, i2np.DatabaseStoreType, store.AppendTo(nil))
}

// send sends a message to anybody, over a new session where there is none.
func (f *Fake) send(to i2p.Hash, t i2np.Type, body []byte) { f.pass(to, f.message(t, body)) }

func (f *Fake) message(t i2np.Type, body []byte) i2np.Message {
	return i2np.Message{Type: t, ID: f.rand.Nonzero32(), Expiration: i2p.DateOf(f.port.Now().Add(30 * time.Second)), Body: body}
}

func (f *Fake) pass(to i2p.Hash, m i2np.Message) { f.port.SendAnyway(to, m) }

func (f *Fake) handle(m i2np.Message) {
	switch m.Type {
	case i2np.GarlicType:
		body, err := i2np.ParseGarlic(m.Body)
		if err != nil {
			return
		}
		if opened, err := ratchet.OpenRouter(f.swarm.static, f.port.Now(), body); err == nil {
			for _, c := range opened.Cloves {
				if c.Message.Type != i2np.GarlicType {
					f.handle(c.Message)
				}
			}
		}
	case i2np.DatabaseLookupType:
		if l, err := i2np.ParseDatabaseLookup(m.Body); err == nil {
			f.answer(l)
		}
	case i2np.DatabaseStoreType:
		if s, err := i2np.ParseDatabaseStore(m.Body); err == nil && s.ReplyToken != 0 {
			f.reply(s.ReplyGateway, s.ReplyTunnel, f.message(i2np.DeliveryStatusType,
				i2np.DeliveryStatus{MessageID: s.ReplyToken, Timestamp: i2p.DateOf(f.port.Now())}.AppendTo(nil)))
		}
	case i2np.ShortTunnelBuildType:
		if f.agrees {
			f.agree(m)
		}
	}
}

// reply sends an answer to a router, or into its tunnel.
func (f *Fake) reply(to i2p.Hash, id uint32, m i2np.Message) {
	if id == 0 {
		f.pass(to, m)
		return
	}
	f.send(to, i2np.TunnelGatewayType, i2np.AppendTunnelGateway(nil, id, m))
}

// answer gives the RouterInfo of a fake, and in the place of anybody else's the names
// of fakes.
func (f *Fake) answer(l i2np.DatabaseLookup) {
	var m i2np.Message
	i, found := slices.BinarySearchFunc(f.swarm.sorted, l.Key, byHash)
	if found && l.Kind != i2np.LookupLeaseSet {
		store := i2np.DatabaseStore{
			Key: l.Key, Type: i2np.StoreRouterInfo, Data: f.swarm.sorted[i].packed,
		}
		m = f.message(i2np.DatabaseStoreType, store.AppendTo(nil))
	} else {
		n := 3
		if l.Kind == i2np.LookupExploration {
			n = 16
		}
		names := i2np.DatabaseSearchReply{Key: l.Key, From: f.info.Hash(), Peers: f.swarm.near(l.Key, n, l.Exclude)}
		m = f.message(i2np.DatabaseSearchReplyType, names.AppendTo(nil))
	}
	if l.Encryption == i2np.ReplyECIES {
		body, err := ratchet.SealTagged(f.rand, l.ReplyKey, l.ReplyTag, []i2np.Clove{{Message: m}})
		if err != nil {
			return
		}
		m = f.message(i2np.GarlicType, i2np.AppendGarlic(nil, body))
	}
	f.reply(l.From, l.ReplyTunnel, m)
}

// agree becomes a hop, which nothing leaves.
func (f *Fake) agree(m i2np.Message) {
	now := f.port.Now()
	req, err := tunnel.OpenRequest(f.info.Hash(), f.swarm.static, now, m)
	if err != nil {
		return
	}
	answer, err := req.Answer(now, f.rand, tunnel.Accept, nil)
	switch {
	case err != nil:
	case req.Role != tunnel.RoleEndpoint:
		f.pass(req.NextRouter, answer)
	case req.Garlic == nil:
		f.reply(req.NextRouter, req.NextTunnel, answer)
	default:
		body, err := ratchet.SealTagged(f.rand, req.Garlic.Key, req.Garlic.Tag, []i2np.Clove{{Message: answer}})
		answer.Release()
		if err == nil {
			f.reply(req.NextRouter, req.NextTunnel, f.message(i2np.GarlicType, i2np.AppendGarlic(nil, body)))
		}
	}
}
