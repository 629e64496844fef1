package ntcp2link

import (
	"bytes"
	"errors"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/ntcp2"
	"i2ptoolkit/pkg/routerinfo"
	"i2ptoolkit/pkg/transport"
)

// What Bob refuses in message 3, and the reason that Alice is told.
func TestRefusals(t *testing.T) {
	other := netip.MustParseAddrPort("23.9.9.9:7")
	for _, c := range []struct {
		name   string
		reason ntcp2.Reason
		alice  func(t *testing.T, a *node)
		bob    func(*settings)
	}{
		{name: "other address", reason: ntcp2.ReasonBanned, alice: func(t *testing.T, a *node) {
			a.info.Store(testInfo(t, &a.cfg, time.Now(), other, nil))
		}},
		{name: "other static key", reason: ntcp2.ReasonStaticKey, alice: func(t *testing.T, a *node) {
			cfg := a.cfg
			_, cfg.Link.Keys.Static = testKeys(t, 77)
			a.info.Store(testInfo(t, &cfg, time.Now(), a.cfg.Link.Listen[0], nil))
		}},
		{name: "other router's RouterInfo", reason: ntcp2.ReasonStaticKey, alice: func(t *testing.T, a *node) {
			cfg := a.cfg
			cfg.Keys, cfg.Link.Keys.Static = testKeys(t, 78)
			a.info.Store(testInfo(t, &cfg, time.Now(), a.cfg.Link.Listen[0], nil))
		}},
		{name: "old RouterInfo", reason: ntcp2.ReasonMessage3, alice: func(t *testing.T, a *node) {
			a.info.Store(testInfo(t, &a.cfg, time.Now().Add(-2*time.Hour), a.cfg.Link.Listen[0], nil))
		}},
		{name: "RouterInfo from the future", reason: ntcp2.ReasonMessage3, alice: func(t *testing.T, a *node) {
			a.info.Store(testInfo(t, &a.cfg, time.Now().Add(5*time.Minute), a.cfg.Link.Listen[0], nil))
		}},
		{name: "other network", reason: ntcp2.ReasonBanned, alice: func(t *testing.T, a *node) {
			a.info.Store(testInfo(t, &a.cfg, time.Now(), a.cfg.Link.Listen[0], map[string]string{"netId": "2"}))
		}},
		{name: "AllowPeer", reason: ntcp2.ReasonBanned, bob: func(c *settings) {
			c.AllowPeer = func(i2p.Hash, *routerinfo.RouterInfo) error { return errors.New("no") }
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				net := &pipes{}
				a, b := newNode(t, net, 1, nil), newNode(t, net, 2, c.bob).start(t)
				if c.alice != nil {
					c.alice(t, a)
				}
				a.start(t)
				a.Send(b.info.Load(), message(i2np.DataType, 1, 10))
				synctest.Wait()
				var end *ntcp2.TerminationError
				if len(a.downs()) != 1 || !errors.As(a.downs()[0], &end) || end.Reason != c.reason || !end.Remote {
					t.Fatalf("alice saw %v, want reason %v", a.downs(), c.reason)
				}
				if err := a.Send(b.info.Load(), message(i2np.DataType, 1, 10)); !errors.Is(err, transport.ErrBackoff) {
					t.Errorf("a refused peer dials again at once: %v", err)
				}
				if len(b.eventsNow()) != 0 || b.Stats().RefusedPeers != 1 || len(b.received()) != 0 {
					t.Fatalf("bob's events %v", b.eventsNow())
				}
			})
		})
	}
}

func TestForgedSignature(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := &pipes{}
		a, b := newNode(t, net, 1, nil), newNode(t, net, 2, nil).start(t)
		raw := bytes.Clone(a.info.Load().Bytes())
		raw[len(raw)-1] ^= 1
		ri, err := routerinfo.Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		a.info.Store(ri)
		a.start(t)
		a.Send(b.info.Load(), message(i2np.DataType, 1, 10))
		time.Sleep(time.Minute)
		var end *ntcp2.TerminationError
		if len(a.downs()) != 1 || !errors.As(a.downs()[0], &end) || end.Reason != ntcp2.ReasonSignature {
			t.Fatalf("alice saw %v", a.downs())
		}
	})
}
