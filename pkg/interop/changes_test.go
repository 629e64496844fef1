//go:build linux

package interop

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/interop/wan"
)

// standing is how a router is to see itself, and what it is to publish.
type standing struct {
	what    string
	v4, v6  control.ReachState // empty: whatever it is
	at      []netip.Addr       // addresses that it publishes, and no others
	perhaps []netip.Addr       // but for these
	guided  bool               // it publishes introducers
	caps    string             // a letter of them
	problem bool               // doctor finds one with its reachability
}

// TestChanges: routers of ours between i2pd's of both releases, over SSU2 alone: one that is carried from a public
// network behind a NAT and back while it runs, one that is hidden, one that has IPv6 alone, and one that loses its
// IPv4. Each sees soon how it is reached, says so, publishes what is so, and has streams with an i2pd: new
// ones, and the one that it had before.
func TestChanges(t *testing.T) {
	if os.Getenv("I2P_SSU2_LONG") != "1" {
		t.Skip("takes minutes: I2P_SSU2_LONG=1")
	}
	if err := missingNAT(); err != nil {
		t.Skip("SKIPPED: no network with NAT: ", err)
	}
	ctx := gate(t, 20*time.Minute)
	t.Run("IPv4", func(t *testing.T) {
		c := newChanges(t, ctx, false)
		roamer, hidden := c.start(t, ctx, "roamer", wan.Routed, false), c.start(t, ctx, "hidden", wan.Open, false)
		t.Run("carried behind a NAT and back", func(t *testing.T) { t.Parallel(); c.roam(t, ctx, roamer) })
		t.Run("hidden", func(t *testing.T) { t.Parallel(); c.hide(t, ctx, hidden) })
	})
	t.Run("both families", func(t *testing.T) {
		c := newChanges(t, ctx, true)
		six, both := c.start(t, ctx, "six", wan.Open, true), c.start(t, ctx, "both", wan.Open, false)
		t.Run("IPv6 alone", func(t *testing.T) { t.Parallel(); c.alone(t, ctx, six) })
		t.Run("IPv4 goes away", func(t *testing.T) { t.Parallel(); c.lose(t, ctx, both) })
	})
}

// changes is a network of TestChanges.
type changes struct {
	*Network
	wan  *wan.Network
	next wan.NAT
}

// newChanges starts i2pd routers, with IPv6 too or without. Among each other they speak IPv6 where they have it.
func newChanges(t *testing.T, ctx context.Context, v6 bool) *changes {
	t.Helper()
	w := newWAN(t)
	c := &changes{wan: w}
	line := wan.Distance(10 * time.Millisecond)
	cfg := NetworkConfig{SSU2Only: true, Far: &Far{WAN: w, First: 1, Up: line, Down: line, NAT: func(int) wan.NAT { return c.next }}}
	for i := range guidesOfReach {
		cfg.Releases = append(cfg.Releases, []Release{Sid, Trixie}[i%2])
	}
	if v6 {
		cfg.Each = func(i int, conf *I2PDConfig) {
			v4, v6 := w.Addrs(1 + i)
			conf.Also, conf.Addr = v4.String(), v6
		}
	}
	c.Network = network(t, ctx, cfg)
	if err := c.AwaitMesh(ctx, time.Minute, guidesOfReach-2); err != nil {
		t.Fatal(err)
	}
	return c
}

// start starts a router that has to find out where it is; its tunnels are not waited for.
func (c *changes) start(t *testing.T, ctx context.Context, name string, nat wan.NAT, v6 bool) *Router {
	t.Helper()
	c.next, c.v6 = nat, v6
	r, err := c.StartRouter(RouterConfig{
		Name: name, Finds: true, NoTransit: true, Knows: knownGuides, LogLevel: os.Getenv("I2P_REACH_LOG"),
		TOML: ssu2Alone + "[sam]\nenabled = true\n",
	})
	if err == nil {
		_, err = r.AwaitSocket(ctx)
	}
	if err == nil {
		err = Await(ctx, 10*time.Second, name+" writes its RouterInfo", func(context.Context) error {
			_, err := infoOf(r)
			return err
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (c *changes) roam(t *testing.T, ctx context.Context, r *Router) {
	public := func() standing {
		v4, _ := c.wan.Addrs(r.Host)
		return standing{what: "public", v4: control.ReachOK, at: []netip.Addr{v4}, caps: "R"}
	}
	c.stands(t, ctx, r, public())
	s := c.stream(t, ctx, r, 0)
	for _, to := range []struct {
		kind wan.NAT
		want func() standing
	}{
		{wan.Restricted, func() standing {
			return standing{what: "behind a NAT", v4: control.ReachFirewalled, guided: true, caps: "U", problem: true}
		}},
		{wan.Routed, public},
	} {
		moved := time.Now()
		if err := c.wan.Become(r.Host, to.kind); err != nil {
			t.Fatal(err)
		}
		_, err := Ping(ctx, s)
		t.Logf("%s: the stream has an answer after %v", to.kind, time.Since(moved).Round(10*time.Millisecond))
		if err != nil {
			t.Fatal(err)
		}
		c.stands(t, ctx, r, to.want())
		c.stream(t, ctx, r, 1)
	}
}

func (c *changes) hide(t *testing.T, ctx context.Context, r *Router) {
	v4, _ := c.wan.Addrs(r.Host)
	c.stands(t, ctx, r, standing{what: "not hidden yet", v4: control.ReachOK, at: []netip.Addr{v4}, caps: "R"})
	s := c.stream(t, ctx, r, 2)
	toml := r.DataDir + ".toml"
	b, err := os.ReadFile(toml)
	if err == nil {
		err = os.WriteFile(toml, append([]byte("hidden = true\n"), b...), 0o600)
	}
	if err == nil {
		_, err = r.ask(ctx, "reload")
	}
	if err != nil {
		t.Fatal(err)
	}
	c.stands(t, ctx, r, standing{what: "hidden", caps: "H"})
	if _, err := Ping(ctx, s); err != nil {
		t.Error(err)
	}
	c.stream(t, ctx, r, 3)
	if err := r.Restart(); err != nil {
		t.Fatal(err)
	}
	if err := r.AwaitTunnels(ctx, time.Minute); err != nil {
		t.Fatal(err)
	}
	c.stands(t, ctx, r, standing{what: "hidden from the start", caps: "H"})
	c.stream(t, ctx, r, 2)
}

func (c *changes) alone(t *testing.T, ctx context.Context, r *Router) {
	_, v6 := c.wan.Addrs(r.Host)
	c.stands(t, ctx, r, standing{what: "IPv6 alone", v4: control.ReachNoAddress, v6: control.ReachOK, at: []netip.Addr{v6}, caps: "R"})
	c.stream(t, ctx, r, 4)
	c.stream(t, ctx, r, 5)
}

func (c *changes) lose(t *testing.T, ctx context.Context, r *Router) {
	v4, v6 := c.wan.Addrs(r.Host)
	// In a network as small as this one there is nobody soon who could test the other family: all have sessions with it.
	c.stands(t, ctx, r, standing{what: "both families", perhaps: []netip.Addr{v4, v6}, caps: "R"})
	s := c.stream(t, ctx, r, 6)
	lost := time.Now()
	if err := c.wan.Lose(r.Host, true); err != nil {
		t.Fatal(err)
	}
	_, err := Ping(ctx, s)
	t.Logf("the stream has an answer after %v", time.Since(lost).Round(10*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	c.stands(t, ctx, r, standing{what: "IPv4 is gone", v4: control.ReachNoAddress, perhaps: []netip.Addr{v6}})
	c.stream(t, ctx, r, 7)
}

// stands waits until a router says of itself how it is, by status, by doctor and by its RouterInfo.
func (c *changes) stands(t *testing.T, ctx context.Context, r *Router, want standing) {
	t.Helper()
	begun := time.Now()
	err := Await(ctx, 90*time.Second, r.Name+", "+want.what, func(ctx context.Context) error {
		st, err := r.Status(ctx)
		if err != nil {
			return err
		}
		for _, f := range st.Reach {
			w := map[string]control.ReachState{"IPv4": want.v4, "IPv6": want.v6}[f.Family]
			if w != "" && f.State != w {
				return fmt.Errorf("%s is %s (%s), expected %s", f.Family, f.State, f.Reason, w)
			}
		}
		if err := c.publishes(r, want); err != nil {
			return fmt.Errorf("%w; status %+v", err, st.Reach)
		}
		if !strings.Contains(st.Caps, want.caps) || st.Hidden != (want.caps == "H") {
			return fmt.Errorf("caps %s, expected %s", st.Caps, want.caps)
		}
		return c.doctor(ctx, r, want.problem)
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s: it says so after %v", want.what, time.Since(begun).Round(10*time.Millisecond))
}

// publishes compares the RouterInfo.
func (c *changes) publishes(r *Router, want standing) error {
	ri, err := infoOf(r)
	if err != nil {
		return err
	}
	var at []netip.Addr
	guides := 0
	for _, a := range ri.SSU2() {
		if h := a.Host(); h.IsValid() && !slices.Contains(want.perhaps, h) {
			at = append(at, h)
		}
		guides += len(a.Introducers())
	}
	if !slices.Equal(at, want.at) || guides > 0 != want.guided || !strings.Contains(ri.Options().Get("caps"), want.caps) {
		return fmt.Errorf("it publishes %v, %d introducers and caps %s, expected %+v", at, guides, ri.Options().Get("caps"), want)
	}
	return nil
}

// doctor asks whether it finds a problem with how the router is reached.
func (c *changes) doctor(ctx context.Context, r *Router, problem bool) error {
	b, err := r.ask(ctx, "doctor", "--json") // its status tells of all problems
	said, found := false, false
	for line := range strings.Lines(string(b)) {
		var f control.Finding
		if err := json.Unmarshal([]byte(line), &f); err != nil {
			return err
		}
		if f.Check != "reachability" {
			continue
		}
		said = true
		if f.Level == control.FindingProblem {
			found = true
		}
	}
	if !said {
		return errors.Join(errors.New("doctor says nothing of it"), err)
	}
	if found != problem {
		return fmt.Errorf("doctor finds a problem: %v, expected %v: %s", found, problem, b)
	}
	return nil
}

// stream opens one from an i2pd to the router, and sends a little both ways.
func (c *changes) stream(t *testing.T, ctx context.Context, r *Router, i int) Stream {
	t.Helper()
	begun := time.Now()
	at := doorAt{r.ns, fmt.Sprintf("127.0.0.1:%d", portSAM)}
	s, end, err := samPair(ctx, at, c.I2PD[i].samDoor(), TunnelOptions(1, 2), Serve)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(end)
	if err := errors.Join(Upload(ctx, s, 300e3), Download(ctx, s, 300e3)); err != nil {
		t.Fatal(err)
	}
	t.Logf("a stream with %s, 300 kB each way, in %v", c.I2PD[i].Name, time.Since(begun).Round(10*time.Millisecond))
	return s
}
