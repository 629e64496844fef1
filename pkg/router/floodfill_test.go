package router

import (
	"math/rand/v2"
	"testing"

	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/netdb"
)

// TestConfirmsOnceItServes: a floodfill that has not been started knows hardly anybody to pass an
// entry on to. Whoever publishes there must not take that for done.
func TestConfirmsOnceItServes(t *testing.T) {
	m := &mesh{t: t, now: meshStart, byHash: make(map[i2p.Hash]*Router), rand: rand.NewChaCha8([32]byte{8})}
	m.add(0, func(_ int, _ *Config, db *netdb.Config) { db.Floodfill = true })
	m.add(1, nil)
	t.Cleanup(func() {
		for _, r := range m.routers {
			r.end()
		}
	})
	floodfill, ri := m.routers[0], m.infos[1]
	confirmed := func(token uint32) (n int) {
		store := i2np.DatabaseStore{
			Key: ri.Hash(), Data: i2np.CompressRouterInfo(ri.Bytes()), ReplyToken: token, ReplyGateway: ri.Hash(),
		}
		floodfill.Deliver(ri.Hash(), m.message(i2np.DatabaseStoreType, token, store.AppendTo(nil)))
		floodfill.Stepper().Turn()
		for _, p := range m.wire {
			if p.to == ri.Hash() && p.msg.Type == i2np.DeliveryStatusType {
				n++
			}
		}
		m.wire = nil
		return n
	}
	if n := confirmed(1); n != 0 || !floodfill.db.Has(ri.Hash()) {
		t.Errorf("confirmed %d times before it serves, or not taken", n)
	}
	floodfill.Stepper().Serve()
	if n := confirmed(2); n != 1 {
		t.Errorf("confirmed %d times", n)
	}
}
