//go:build !race

package simtest

import (
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/netdb"
	"i2ptoolkit/pkg/noise"
	"i2ptoolkit/pkg/ratchet"
	"i2ptoolkit/pkg/routerinfo"
	"i2ptoolkit/pkg/simnet/mesh"
)

// spy is a node of an attacker's in a mesh: a router without a core. It may send
// anything to anybody, and tells what comes.
type spy struct {
	*mesh.Port
	info   *routerinfo.RouterInfo
	opener *ratchet.Router
	rand   *rand.ChaCha8
	seen   func(from i2p.Hash, m i2np.Message)
	asked  func(s *spy, l i2np.DatabaseLookup) *netdb.Reply // nil: it is silent
	where  func(i2p.Hash) *routerinfo.RouterInfo
}

// newSpy makes a spy, and goes on making keys until its hash fits.
func newSpy(t *testing.T, net *mesh.Net, number int, caps string, fits func(i2p.Hash) bool) *spy {
	t.Helper()
	s := &spy{rand: net.Stream("spy", number), seen: func(i2p.Hash, i2np.Message) {}}
	addr := netip.AddrFrom4([4]byte{100, byte(number), 1, 1}) // a range of its own
	for s.info == nil || !fits(s.info.Hash()) {
		keys, err := i2p.GenerateRouter(s.rand)
		if err != nil {
			t.Fatal(err)
		}
		if s.info, err = mesh.Info(keys, addr, caps, net.Now()); err != nil {
			t.Fatal(err)
		}
		s.opener = ratchet.NewRouter(ratchet.RouterConfig{Static: noise.NewKeyPair([32]byte(keys.Crypto))})
	}
	s.Port = net.Join(addr, func() *routerinfo.RouterInfo { return s.info }, func(*mesh.Port) mesh.Node { return s })
	return s
}

func (s *spy) Up(mesh.Peer)        {}
func (s *spy) Down(i2p.Hash)       {}
func (s *spy) Failed(i2p.Hash)     {}
func (s *spy) Wants(i2p.Hash) bool { return true }
func (s *spy) Turn() time.Duration { return 0 }

func (s *spy) message(t i2np.Type, body []byte) i2np.Message {
	return i2np.Message{Type: t, ID: uint32(s.rand.Uint64()) | 1, Expiration: i2p.DateOf(s.Now().Add(20 * time.Second)), Body: body}
}

func (s *spy) send(to i2p.Hash, m i2np.Message) {
	if ri := s.where(to); ri != nil && s.Port.Send(ri, m) == nil {
		s.Wake()
	}
}

// Handle answers questions, confirms stores, and leaves all else unanswered.
func (s *spy) Handle(from i2p.Hash, m i2np.Message) {
	defer m.Release()
	s.seen(from, m)
	switch m.Type {
	case i2np.GarlicType:
		body, err := i2np.ParseGarlic(m.Body)
		if err != nil {
			return
		}
		opened, err := s.opener.Open(s.Now(), body)
		if err != nil {
			return
		}
		for _, c := range opened.Cloves {
			s.answer(c.Message)
		}
	default:
		s.answer(m)
	}
}

func (s *spy) answer(m i2np.Message) {
	switch m.Type {
	case i2np.DatabaseLookupType:
		l, err := i2np.ParseDatabaseLookup(m.Body)
		if err != nil || s.asked == nil {
			return
		}
		if r := s.asked(s, l); r != nil {
			s.reply(l, s.message(r.Type(), r.AppendTo(nil)))
		}
	case i2np.DatabaseStoreType:
		if st, err := i2np.ParseDatabaseStore(m.Body); err == nil && st.ReplyToken != 0 {
			status := i2np.DeliveryStatus{MessageID: st.ReplyToken, Timestamp: i2p.DateOf(s.Now())}
			s.deliver(st.ReplyGateway, st.ReplyTunnel, s.message(i2np.DeliveryStatusType, status.AppendTo(nil)))
		}
	}
}

func (s *spy) reply(l i2np.DatabaseLookup, m i2np.Message) {
	if l.Encryption == i2np.ReplyECIES {
		m = s.tagged(l, i2np.Clove{Message: m})
	}
	s.deliver(l.From, l.ReplyTunnel, m)
}

// tagged seals what an asker alone can open.
func (s *spy) tagged(l i2np.DatabaseLookup, c i2np.Clove) i2np.Message {
	body, err := ratchet.SealTagged(s.rand, l.ReplyKey, l.ReplyTag, []i2np.Clove{c})
	if err != nil {
		panic(err)
	}
	return s.message(i2np.GarlicType, i2np.AppendGarlic(nil, body))
}

// sealed seals what a router alone can open.
func (s *spy) sealed(to *routerinfo.RouterInfo, c i2np.Clove) i2np.Message {
	static, _ := to.EncryptionKey()
	body, err := ratchet.SealToRouter(s.rand, s.Now(), static, []i2np.Clove{c})
	if err != nil {
		panic(err)
	}
	return s.message(i2np.GarlicType, i2np.AppendGarlic(nil, body))
}

// deliver sends to a router, or into a tunnel that begins there.
func (s *spy) deliver(to i2p.Hash, tunnel uint32, m i2np.Message) {
	if tunnel != 0 {
		m = s.message(i2np.TunnelGatewayType, i2np.AppendTunnelGateway(nil, tunnel, m))
	}
	s.send(to, m)
}
