//go:build linux

package interop

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"i2ptoolkit/pkg/interop/wan"
)

// farDoors are SAM, I2CP and BOB at every router's own machine.
const farDoors = "[sam]\nenabled = true\n[i2cp]\nenabled = true\n[bob]\nenabled = true\n"

// TestDoorsFar: programs that speak SAM, I2CP and BOB have streams over hosts that are 200 ms away from each other; beside
// clients who say nothing, never end a line or do not read; and again after kill -9 of the router of who is asked, where
// they come back in a loop. It is one of the long list: I2P_DOORS_FAR=1 scripts/interop -run TestDoorsFar
func TestDoorsFar(t *testing.T) {
	askedFor(t, "I2P_DOORS_FAR", "minutes")
	ctx := gate(t, 12*time.Minute)
	site := newWAN(t)
	line := wan.Distance(50 * time.Millisecond)
	n := network(t, ctx, NetworkConfig{Far: &Far{WAN: site, First: 1, Up: line, Down: line}})
	if _, err := startOurs(ctx, n, 5, 3, farDoors); err != nil {
		t.Fatal(err)
	}
	asked, asks := n.Routers[3], n.Routers[4]
	at := func(r *Router, port int) doorAt { return doorAt{r.ns, fmt.Sprintf("127.0.0.1:%d", port)} }
	keys := "" // of the tunnel of BOB that is asked: a program sets them again after a restart
	speak := func(when string) {
		for _, way := range []struct {
			name string
			open func(ctx context.Context) (Stream, func(), error)
		}{
			{"SAM", func(ctx context.Context) (Stream, func(), error) {
				return samPair(ctx, at(asked, portSAM), at(asks, portSAM), TunnelOptions(1, 2), Serve)
			}},
			{"I2CP", func(ctx context.Context) (Stream, func(), error) {
				return i2cpPair(ctx, at(asked, portI2CP), at(asks, portI2CP), TunnelOptions(1, 2), Serve)
			}},
			{"BOB", func(ctx context.Context) (s Stream, end func(), err error) {
				had := keys
				s, keys, end, err = bobPair(ctx, at(asked, portBOB), at(asks, portBOB), had, bobOptions(1, 2), Serve)
				if err != nil {
					keys = had
				} else if had != "" && keys != had {
					t.Error("BOB has other keys than were set")
				}
				return s, end, err
			}},
		} {
			var s Stream
			var end func()
			begun := time.Now()
			err := Await(ctx, 3*time.Minute, when+": a stream by "+way.name, func(ctx context.Context) (err error) {
				s, end, err = way.open(ctx)
				return err
			})
			if err != nil {
				t.Error(err)
				continue
			}
			opened := time.Since(begun)
			rtt, err := Pings(ctx, s, 5)
			if err == nil {
				begun = time.Now()
				err = errors.Join(Upload(ctx, s, 1e6), Download(ctx, s, 1e6))
			}
			if err != nil {
				t.Errorf("%s, %s: %v", when, way.name, err)
			} else {
				t.Logf("%s, %s: opened in %.1f s, round trip %v, %.2f MB/s", when, way.name, opened.Seconds(), rtt.Round(time.Millisecond), 2/time.Since(begun).Seconds())
			}
			end()
		}
	}
	speak("at first")

	var hostile sync.WaitGroup
	var open []net.Conn
	for i := range 300 {
		for _, port := range []int{portSAM, portI2CP, portBOB} {
			d := at(asked, port)
			c, err := d.ns.DialContext(ctx, "tcp", d.addr)
			if err != nil {
				t.Fatal(err)
			}
			open = append(open, c)
			switch i % 3 {
			case 1: // a line or a message without an end
				hostile.Go(func() {
					for _, err := c.Write([]byte{'*'}); err == nil; _, err = c.Write(make([]byte, 8192)) {
						time.Sleep(time.Millisecond)
					}
				})
			case 2: // questions, whose answers nobody reads
				hostile.Go(func() {
					for _, err := c.Write([]byte("HELLO VERSION\n")); err == nil; _, err = c.Write([]byte("NAMING LOOKUP NAME=nobody.i2p\nDEST GENERATE SIGNATURE_TYPE=7\n")) {
						time.Sleep(time.Millisecond)
					}
				})
			}
		}
	}
	before := asked.RSS()
	speak("beside hostile clients")
	t.Logf("resident: %.1f MB before, %.1f after", float64(before)/1e6, float64(asked.RSS())/1e6)
	for _, c := range open {
		c.Close()
	}
	hostile.Wait()

	if err := asked.Restart(); err != nil {
		t.Fatal(err)
	}
	speak("after kill -9")
}
