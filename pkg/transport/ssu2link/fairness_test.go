package ssu2link

import (
	"context"
	"net/netip"
	"slices"
	"testing"
	"time"

	"i2ptoolkit/pkg/draw"
	"i2ptoolkit/pkg/routerinfo"
	"i2ptoolkit/pkg/simnet"
	"i2ptoolkit/pkg/transport/ntcp2link"
)

// TestFairness: a router that has more for each of its peers than its limit of bandwidth lets out
// serves them in equal parts, whether over NTCP2 or over SSU2; and those that read nothing
// take nothing from the others.
func TestFairness(t *testing.T) {
	const rate, span = 64 << 10, 10 * time.Second
	simulate(t, simnet.Link{Latency: 10 * time.Millisecond}, func(t *testing.T, net *simnet.Net, _ [2]netip.Addr) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		random := draw.Seeded([32]byte{77})
		host := func(i byte) netip.Addr { return netip.AddrFrom4([4]byte{23, 0, 0, i}) }
		// speaker makes a node that is reached in one way, or in both.
		speaker := func(i byte, style string) *node {
			keys, err := ntcp2link.ParseKeys(ntcp2link.NewKeys(random))
			if err != nil {
				t.Fatal(err)
			}
			at := netip.AddrPortFrom(host(i), 7000)
			n := newNode(t, 40+i, net.Host(host(i)), at, nil, ntcp2link.New(ntcp2link.Config{Keys: keys, Listen: []netip.AddrPort{at}}))
			n.start(t, host(i))
			n.publishAs(t, slices.DeleteFunc(n.Publish([]netip.Addr{host(i)}), func(a routerinfo.Address) bool { return style != "" && a.Style != style }))
			return n
		}
		a := speaker(1, "")
		styles := []string{routerinfo.StyleNTCP2, routerinfo.StyleSSU2, routerinfo.StyleNTCP2, routerinfo.StyleSSU2, routerinfo.StyleNTCP2, routerinfo.StyleSSU2}
		const deaf = 2 // of the last
		var peers []*node
		for i, style := range styles {
			p := speaker(byte(i+2), style)
			transfer(t, a, p, 1000, 1000, time.Minute)
			peers = append(peers, p)
		}
		for _, s := range a.Peers() {
			if i := slices.IndexFunc(peers, func(p *node) bool { return p.keys.Router().Hash() == s.Hash }); s.Transport != styles[i] {
				t.Fatalf("peer %d is reached over %s, expected %s", i, s.Transport, styles[i])
			}
		}
		for i := len(styles) - deaf; i < len(styles); i++ {
			net.Cut(host(1), host(byte(i+2)))
		}
		a.SetBandwidth(0, rate)
		for i, p := range peers {
			go func() {
				for id := uint32(i+1) << 20; ctx.Err() == nil; wait(10 * time.Millisecond) {
					id = fill(a, p, id)
				}
			}()
		}
		time.Sleep(span / 2) // what is cut off is known to stall by then
		got := make([]int, len(styles)-deaf)
		for i := range got {
			got[i] = -peers[i].has()
		}
		time.Sleep(span)
		sum := 0
		for i := range got {
			got[i] += peers[i].has()
			sum += got[i]
		}
		t.Logf("%v bytes over %v in %v, of %d", got, styles[:len(got)], span, rate*int(span.Seconds()))
		fair := sum / len(got)
		for i, n := range got {
			if n < fair*7/10 || n > fair*13/10 {
				t.Errorf("peer %d over %s got %d bytes, an equal part is %d", i, styles[i], n, fair)
			}
		}
		if most := rate * int(span.Seconds()); sum > most+rate || sum < most*7/10 {
			t.Errorf("%d bytes of messages, expected most of %d", sum, most)
		}
		cancel()
		time.Sleep(time.Millisecond) // the network waits for the bubble itself, and two who do are one too many
		a.SetBandwidth(0, 0)
		for _, n := range append(peers, a) {
			n.halt(t)
		}
	})
}
