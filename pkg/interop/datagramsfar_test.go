//go:build linux

package interop

import (
	"context"
	"fmt"
	"testing"
	"time"

	"i2ptoolkit/pkg/interop/wan"
)

// TestDatagramsFar: datagrams as fast as they are taken, and a steady few, over hosts that are 200 ms away from each
// other: from ours to ours and to i2pd, and back, and beside a stream that takes all it gets. It is one of the long
// list: I2P_DATAGRAMS_FAR=1 scripts/interop -run TestDatagramsFar
func TestDatagramsFar(t *testing.T) {
	askedFor(t, "I2P_DATAGRAMS_FAR", "minutes")
	ctx := gate(t, 14*time.Minute)
	site := newWAN(t)
	line := wan.Distance(50 * time.Millisecond)
	n := network(t, ctx, NetworkConfig{Releases: sids(5), Floodfills: 3, Ends: 2, Far: &Far{WAN: site, First: 1, Up: line, Down: line}})
	if _, err := startOurs(ctx, n, 2, 0, farDoors); err != nil {
		t.Fatal(err)
	}
	ours := func(i int) doorAt { return doorAt{n.Routers[i].ns, fmt.Sprintf("127.0.0.1:%d", portSAM)} }
	theirs := func(i int) doorAt { return n.I2PD[3+i].samDoor() }
	options := TunnelOptions(1, 2)
	for _, c := range []struct {
		name     string
		from, to doorAt
		style    string
		beside   bool
	}{
		{"ours to ours", ours(0), ours(1), "DATAGRAM", false},
		{"ours to ours", ours(0), ours(1), "RAW", false},
		{"ours to i2pd's", ours(0), theirs(0), "DATAGRAM", false},
		{"i2pd's to ours", theirs(0), ours(1), "DATAGRAM", false},
		{"i2pd's to i2pd's", theirs(0), theirs(1), "DATAGRAM", false},
		{"ours to ours, beside a stream", ours(0), ours(1), "DATAGRAM", true},
	} {
		var figures datagramFigures
		var carried float64
		err := func() error {
			ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
			defer cancel()
			if c.beside {
				s, end, err := samPair(ctx, c.to, c.from, options, Serve)
				if err != nil {
					return err
				}
				defer end()
				loading, stop := context.WithCancel(ctx)
				done := make(chan struct{})
				begun, size := time.Now(), 0
				go func() {
					defer close(done)
					for Upload(loading, s, 200_000) == nil {
						size += 200_000
					}
				}()
				defer func() {
					stop()
					<-done
					carried = float64(size) / 1e6 / time.Since(begun).Seconds()
				}()
			}
			var err error
			figures, err = n.measureDatagrams(ctx, c.from, c.to, c.style, options)
			return err
		}()
		if err != nil {
			t.Errorf("%s, %s: %v", c.name, c.style, err)
			continue
		}
		t.Logf("%s, %s: %.0f a second, lost %.2f %%; of 200 a second lost %.2f %%; the stream %.2f MB/s", c.name, c.style, figures.rate, 100*figures.lost, 100*figures.steadyLost, carried)
	}
}
