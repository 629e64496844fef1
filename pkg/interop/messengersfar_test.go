//go:build linux

package interop

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"
	"time"

	"i2ptoolkit/pkg/interop/wan"
)

// TestMessengersFar: what messengers do with SAM, over three hops each way and 200 ms between hosts: names of signature types,
// options in any order, eight streams at once to a name, datagrams; and two that talk, through kill -9 of the router of each
// and of one of them. It is one of the long list: I2P_MESSENGERS_FAR=1 scripts/interop -run TestMessengersFar
func TestMessengersFar(t *testing.T) {
	askedFor(t, "I2P_MESSENGERS_FAR", "ten minutes")
	for _, hops := range []struct {
		name             string
		releases         []Release
		ours, floodfills int
	}{{"hops of ours", nil, 7, 3}, {"hops of i2pd", sids(5), 2, 0}} {
		t.Run(hops.name, func(t *testing.T) {
			ctx := gate(t, 10*time.Minute)
			site := newWAN(t)
			line := wan.Distance(50 * time.Millisecond)
			cfg := NetworkConfig{Releases: hops.releases, Floodfills: 3, Far: &Far{WAN: site, First: 1, Up: line, Down: line}}
			n, _, err := farOurs(ctx, cfg, hops.ours, hops.floodfills, "[sam]\nenabled = true\n")
			if n != nil {
				endWith(t, n)
			}
			if err != nil {
				t.Fatal(err)
			}
			a, b := n.Routers[len(n.Routers)-2], n.Routers[len(n.Routers)-1]
			messengersWays(t, ctx, a, b)
			messengersTalk(t, ctx, a, b)
		})
	}
}

// messengersOptions are of tunnels of three hops.
func messengersOptions() map[string]string {
	o := TunnelOptions(3, 2)
	o["inbound.nickname"], o["crypto.lowTagThreshold"] = `"a name"`, "30"
	return o
}

// messengersWays has sessions of all types, and eight streams at once.
func messengersWays(t *testing.T, ctx context.Context, a, b *Router) {
	t.Helper()
	at := func(r *Router) doorAt { return doorAt{r.ns, fmt.Sprintf("127.0.0.1:%d", portSAM)} }
	types := []string{"EdDSA_SHA512_Ed25519", "ECDSA_SHA256_P256", "ECDSA_SHA384_P384", "ECDSA_SHA512_P521", "RedDSA_SHA512_Ed25519"}
	begun := time.Now()
	var each sync.WaitGroup
	for _, name := range types {
		each.Go(func() {
			m := newMessenger(at(a), "", messengersOptions())
			m.keys["STREAM"] = "TRANSIENT SIGNATURE_TYPE=" + name
			s, err := m.create(ctx, "STREAM")
			if err != nil {
				t.Errorf("%s: %v", name, err)
				return
			}
			s.Close()
		})
	}
	each.Wait()
	t.Logf("sessions of %d types at once: %.1f s", len(types), time.Since(begun).Seconds())

	server, asks := newMessenger(at(a), "", messengersOptions()), newMessenger(at(b), "many", messengersOptions())
	served, err := server.create(ctx, "STREAM")
	if err != nil {
		t.Fatal(err)
	}
	defer served.Close()
	asker, err := asks.create(ctx, "STREAM")
	if err != nil {
		t.Fatal(err)
	}
	defer asker.Close()
	if _, err := b.Tool(ctx, "i2p-lookup", "book", "add", "many.i2p", served.Destination); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var waiting sync.WaitGroup
	for range 8 {
		waiting.Add(1)
		each.Go(func() {
			c, err := served.Accept(ctx, waiting.Done)
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			if line, err := c.r.ReadString('\n'); err == nil {
				io.WriteString(c, line)
			}
		})
	}
	waiting.Wait()
	begun = time.Now()
	for range 8 {
		each.Go(func() {
			if err := asks.question(ctx, asker); err != nil {
				t.Error(err)
				cancel()
			}
		})
	}
	each.Wait()
	took := time.Since(begun)
	t.Logf("eight streams at once by name: all are answered after %.1f s", took.Seconds())
	if took > 15*time.Second {
		t.Errorf("eight streams at once took %v", took)
	}
}

// messengersTalk has two talk, and kills what they talk by.
func messengersTalk(t *testing.T, ctx context.Context, a, b *Router) {
	t.Helper()
	at := func(r *Router) doorAt { return doorAt{r.ns, fmt.Sprintf("127.0.0.1:%d", portSAM)} }
	alice, bob := newMessenger(at(a), "bob", messengersOptions()), newMessenger(at(b), "alice", messengersOptions())
	end := alice.run(ctx)
	defer func() { end() }()
	defer bob.run(ctx)()
	introduce := func(r *Router, name string, m *messenger) {
		t.Helper()
		for style, suffix := range map[string]string{"STREAM": ".i2p", "DATAGRAM": "-datagrams.i2p"} {
			var destination string
			err := Await(ctx, time.Minute, name+" has a session", func(context.Context) error {
				m.mu.Lock()
				defer m.mu.Unlock()
				if destination = m.own[style]; destination == "" {
					return fmt.Errorf("none: %v", m.failed)
				}
				return nil
			})
			if err == nil {
				_, err = r.Tool(ctx, "i2p-lookup", "book", "add", name+suffix, destination)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	introduce(a, "bob", bob)
	introduce(b, "alice", alice)
	// talk waits until each has answers of both kinds to what was asked after then, and says how long after then that was.
	talk := func(when string, then time.Time, limit time.Duration) {
		t.Helper()
		text := ""
		for _, w := range []struct {
			who string
			m   *messenger
		}{{"alice", alice}, {"bob", bob}} {
			for _, how := range []string{"stream", "datagram"} {
				err := Await(ctx, 2*time.Minute, fmt.Sprintf("%s: %s has an answer by %s", when, w.who, how), func(context.Context) error {
					if w.m.firstAfter(how, then).IsZero() {
						return errors.New("none")
					}
					return nil
				})
				if err != nil {
					t.Errorf("%v: %v", err, w.m.failures())
					continue
				}
				after := w.m.firstAfter(how, then).Sub(then)
				if text += fmt.Sprintf(", %s's %s %.1f s", w.who, how, after.Seconds()); after > limit {
					t.Errorf("%s: %s has an answer by %s after %v", when, w.who, how, after)
				}
			}
			if fs := w.m.failures(); len(fs) > 0 {
				text += fmt.Sprint(" ", fs)
			}
		}
		t.Log(when, text)
	}
	talk("at first", time.Now(), 30*time.Second)
	for _, kill := range []struct {
		when string
		kill func() error
	}{
		{"kill -9 of alice's router", a.Restart}, {"kill -9 of bob's router", b.Restart},
		{"kill -9 of alice", func() error { end(); end = alice.run(ctx); return nil }},
		{"kill -9 of alice's router again", a.Restart},
		{"kill -9 of both routers", func() error { return errors.Join(a.Restart(), b.Restart()) }},
	} {
		then := time.Now()
		if err := kill.kill(); err != nil {
			t.Fatal(err)
		}
		talk(kill.when, then, 30*time.Second)
	}
}
