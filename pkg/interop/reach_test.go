//go:build linux

package interop

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/interop/wan"
	"i2ptoolkit/pkg/routerinfo"
)

// reachKinds are what may stand before a router, and what it has to find out.
var reachKinds = []struct {
	name  string
	nat   wan.NAT
	state control.ReachState
}{
	{"public", wan.Open, control.ReachOK},
	{"restricted", wan.Restricted, control.ReachFirewalled},
	{"symmetric", wan.Symmetric, control.ReachSymmetricNAT},
	{"firewall", wan.Firewall, control.ReachFirewalled},
}

// guidesOfReach is how many public routers there are, who test and introduce; of so many does
// a router know as it starts, so that there are strangers.
const guidesOfReach, knownGuides = 10, 4

// found waits until a router has found out how others reach it, and published it.
func (s *reachSite) found(t *testing.T, ctx context.Context, r *Router, want control.ReachState) time.Duration {
	t.Helper()
	err := Await(ctx, time.Minute, r.Name+" finds out", func(ctx context.Context) error {
		st, err := r.Status(ctx)
		if err == nil && (len(st.Reach) == 0 || st.Reach[0].State != want) {
			err = fmt.Errorf("%+v", st.Reach)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	return time.Since(r.Started)
}

// TestReach prints who reaches whom. Only scripts/reach runs it.
func TestReach(t *testing.T) {
	guides := os.Getenv("I2P_REACH_GUIDES")
	if guides == "" {
		t.Skip("takes minutes: use scripts/reach")
	}
	if err := missingNAT(); err != nil {
		t.Fatal(err)
	}
	ctx := gate(t, 15*time.Minute)
	s := newReachSite(t, ctx, NetworkConfig{SSU2Only: true}, reachGuides{count: guidesOfReach, ours: guides == "ours"})
	type peer struct {
		name  string
		r     router
		state string
	}
	var peers []peer
	for _, k := range reachKinds {
		s.next = k.nat
		r := s.router(t, ctx, RouterConfig{Name: "ours-" + k.name, Finds: true, Knows: knownGuides, TOML: ssu2Alone})
		peers = append(peers, peer{"ours, " + k.name, r, fmt.Sprintf("%s after %.1f s", k.state, s.found(t, ctx, r, k.state).Seconds())})
	}
	for _, k := range reachKinds {
		s.next = k.nat
		known := s.known
		if k.nat != wan.Open {
			// i2pd asks those alone to introduce it whom it dials after a test has told it that it must be introduced,
			// and has a session at once with each router that it knows.
			known = known[:2]
		}
		r, err := s.StartI2PD(ctx, "i2pd-"+k.name, I2PDConfig{
			Release: Sid, SSU2: true, NoNTCP2: true, Finds: k.nat != wan.Open, Hides: k.nat != wan.Open, Hops: 1, LogLevel: os.Getenv("I2P_REACH_LOG"),
			Known: known,
		})
		if err != nil {
			t.Fatal(err)
		}
		peers = append(peers, peer{"i2pd, " + k.name, r, ""})
	}
	var out strings.Builder
	fmt.Fprintf(&out, "\nIntroducers and testers: %s. A row dials, a column is dialled.\n\n| |", guides)
	var routers []router
	for _, p := range peers {
		routers = append(routers, p.r)
		fmt.Fprintf(&out, " %s |", p.name)
		err := Await(ctx, 90*time.Second, p.name+" can be dialled", func(context.Context) error {
			ri, err := infoOf(p.r)
			if err == nil {
				_, err = howReached(ri)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
	out.WriteString("\n|---|" + strings.Repeat("---|", len(peers)) + "\n")
	rows := make([]string, len(reachKinds))
	var all sync.WaitGroup
	for i, k := range reachKinds {
		s.next = k.nat
		at, err := s.place()
		if err != nil {
			t.Fatal(err)
		}
		log, err := os.Create(filepath.Join(s.Dir, "dialler-"+k.name+".log"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { log.Close() })
		d := newDialler(t, at, log, s.guides, false)
		all.Go(func() { rows[i] = reachRow(t, ctx, d, i, routers) })
	}
	all.Wait()
	out.WriteString(strings.Join(rows, ""))
	for _, p := range peers {
		if p.state != "" {
			fmt.Fprintf(&out, "\n%s: %s", p.name, p.state)
		}
	}
	out.WriteString("\n" + s.comers(t, ctx))
	for i, k := range reachKinds {
		r := peers[i].r.(*Router)
		if err := r.AwaitTunnels(ctx, time.Minute); err != nil {
			t.Errorf("%s: %v", k.name, err)
		}
		tells(t, ctx, r, k.nat, k.state)
	}
	fmt.Println(out.String())
}

// TestNAT: behind a NAT of each kind ours finds out how it is reached, has tunnels, and strangers are
// introduced to it, wherever that is possible.
func TestNAT(t *testing.T) {
	gate(t, time.Minute)
	if err := missingNAT(); err != nil {
		t.Skip("SKIPPED: no network with NAT: ", err)
	}
	t.Parallel()
	ctx := gate(t, 4*time.Minute)
	s := newReachSite(t, ctx, NetworkConfig{SSU2Only: true}, reachGuides{count: guidesOfReach, ours: true}) // fewer, and there are too few strangers
	var behind []*Router
	for _, k := range reachKinds[1:3] {
		s.next = k.nat
		behind = append(behind, s.router(t, ctx, RouterConfig{Name: k.name, Finds: true, Knows: knownGuides, TOML: ssu2Alone}))
	}
	var diallers []*dialler
	for _, k := range reachKinds[:2] {
		s.next = k.nat
		at, err := s.place()
		if err != nil {
			t.Fatal(err)
		}
		diallers = append(diallers, newDialler(t, at, io.Discard, s.guides, false))
	}
	var all sync.WaitGroup
	for i, r := range behind {
		all.Go(func() {
			k := reachKinds[1+i]
			t.Logf("%s: %s after %.1f s", k.name, k.state, s.found(t, ctx, r, k.state).Seconds())
			if err := r.AwaitTunnels(ctx, time.Minute); err != nil {
				t.Errorf("%s: %v", k.name, err)
			}
			t.Logf("%s: tunnels after %.1f s", k.name, time.Since(r.Started).Seconds())
			tells(t, ctx, r, k.nat, k.state)
		})
	}
	for i, d := range diallers {
		all.Go(func() { d.finds(t, ctx, reachKinds[i].name, reachKinds[i].state) })
	}
	all.Wait()
	for i, d := range diallers {
		reached := behind
		if reachKinds[i].nat != wan.Open {
			reached = behind[:1] // another NAT before who dials lets in no port that it has not sent to
		}
		for j, r := range reached {
			how, took, err := d.reachRouter(ctx, r, 30*time.Second)
			if err != nil || how != "introduced" {
				t.Errorf("%s to %s: %s, %v", reachKinds[i].name, reachKinds[1+j].name, how, err)
			}
			t.Logf("%s to %s: %s in %d ms", reachKinds[i].name, reachKinds[1+j].name, how, took.Milliseconds())
		}
	}
}

// comers tells which i2pd routers have sessions with ours that they opened themselves.
func (s *reachSite) comers(t *testing.T, ctx context.Context) (text string) {
	names := map[string]string{}
	for _, r := range s.I2PD {
		if h, err := r.Hash(); err == nil {
			names[h] = r.Name
		}
	}
	for _, r := range s.Routers {
		peers, err := r.Peers(ctx)
		if err != nil {
			t.Error(err)
			continue
		}
		var came []string
		for _, p := range peers {
			if n := names[p.Router]; n != "" && p.Direction == control.Inbound {
				came = append(came, n)
			}
		}
		if len(came) > 0 {
			text += fmt.Sprintf("\nopened with %s by: %s", r.Name, strings.Join(came, ", "))
		}
	}
	return text
}

// reachRow has one of ours dial all peers, once it knows how it is reached itself. Whom it cannot reach is told
// the test where the specification makes it possible: of two routers that both hear only whom they have sent to
// none may be behind a symmetric NAT.
func reachRow(t *testing.T, ctx context.Context, d *dialler, kind int, peers []router) string {
	k := reachKinds[kind]
	d.finds(t, ctx, k.name, k.state)
	row := fmt.Sprintf("| ours, %s |", k.name)
	for i, r := range peers {
		to := reachKinds[i%len(reachKinds)]
		wanted := "introduced"
		switch {
		case to.nat == wan.Open:
			wanted = "direct"
		case k.nat != wan.Open && (k.nat == wan.Symmetric || to.nat == wan.Symmetric):
			wanted = "no"
		}
		how, took, err := d.reachRouter(ctx, r, 5*time.Second)
		switch {
		case err != nil:
			how = "no"
			row += " no |"
		default:
			row += fmt.Sprintf(" %s, %d ms |", how, took.Milliseconds())
		}
		if how != wanted {
			t.Errorf("%s to %d, %s: %s, expected %s: %v", k.name, i, to.name, how, wanted, err)
		}
	}
	return row + "\n"
}

// finds waits until who dials knows how it is reached itself.
func (d *dialler) finds(t *testing.T, ctx context.Context, name string, state control.ReachState) {
	t.Helper()
	err := Await(ctx, time.Minute, name+" finds out", func(context.Context) error {
		if r := d.Reach()[0]; r.State.String() != string(state) {
			return fmt.Errorf("%v, %v", r.State, r.Why)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// reachRouter dials a router by what it publishes, within a limit from now on.
func (d *dialler) reachRouter(ctx context.Context, r router, limit time.Duration) (how string, took time.Duration, err error) {
	var ri *routerinfo.RouterInfo
	err = Await(ctx, limit, "a way to it", func(context.Context) (err error) {
		if ri, err = infoOf(r); err == nil {
			how, err = howReached(ri)
		}
		return err
	})
	if err == nil {
		took, err = d.reach(ctx, ri, 45*time.Second)
	}
	return how, took, err
}

// howReached tells how a router is to be reached, by what it publishes.
func howReached(ri *routerinfo.RouterInfo) (string, error) {
	for _, a := range ri.SSU2() {
		switch {
		case a.AddrPort().IsValid():
			return "direct", nil
		case len(a.Introducers()) > 0:
			return "introduced", nil
		}
	}
	return "", fmt.Errorf("interop: it publishes no way to it")
}
