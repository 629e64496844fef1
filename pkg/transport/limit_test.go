package transport

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"i2ptoolkit/pkg/routerinfo"
)

// The limit of sessions may change while the transport runs, and with it that of
// handshakes. How long handshakes take is counted.
func TestLimit(t *testing.T) {
	d := &fakeDriver{name: "X", bid: Bid{Cost: 1, MaxMessage: 1000}}
	runTable(t, []Driver{d}, nil, func(t *testing.T, tr *Transport, ri *routerinfo.RouterInfo) {
		tr.SetSessions(1)
		from := netip.MustParseAddr("23.0.0.9")
		v := d.host.Admit(from, nil)
		v.Proved()
		if d.host.Admit(from, nil) != nil {
			t.Error("the limit of sessions does not hold")
		}
		time.Sleep(30 * time.Millisecond)
		d.host.Go(func() { d.host.Serve(v, d.link(), ri, false) })
		synctest.Wait()
		if took := tr.Stats().AcceptTime; took.Count() != 1 || took.Sum != 30*time.Millisecond {
			t.Errorf("the handshake took %+v", took)
		}
		tr.SetSessions(2)
		if v = d.host.Admit(from, nil); v == nil {
			t.Fatal("there is no room for more")
		}
		v.Leave()
	})
}
