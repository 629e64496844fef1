//go:build linux

package interop

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/interop/wan"
)

// tells compares what a router tells of how it is reached, in words and as JSON, with what stands before it.
func tells(t *testing.T, ctx context.Context, r *Router, nat wan.NAT, state control.ReachState) {
	t.Helper()
	text, advice := "IPv4: others reach the router", ""
	switch nat {
	case wan.Restricted:
		text, advice = "IPv4: others do not reach the router by themselves", fmt.Sprintf(
			"forward UDP port %d at the gateway to this machine (its private address is 192.168.%d.2), or switch on UPnP, NAT-PMP or PCP there", portTransport, r.Host)
	case wan.Symmetric:
		text, advice = "IPv4: the gateway gives the router another port for each peer (a symmetric NAT)", fmt.Sprintf(
			"forward UDP port %d at the gateway to this machine (its private address is 192.168.%d.2), or switch on UPnP, NAT-PMP or PCP there", portTransport, r.Host)
	case wan.Firewall:
		text, advice = "IPv4: others do not reach the router by themselves", fmt.Sprintf(
			"let the firewall of this machine and of its gateway pass UDP port %d in", portTransport)
	}
	level, status := control.FindingProblem, 1
	if nat == wan.Open {
		level, status = control.FindingOK, 0
	}
	diagnosed(t, ctx, r, status, level, text, advice)

	// Status has a line for the family, transports one for each that is listened on.
	if said := r.told(t, ctx, 0, "status"); !strings.Contains(said, string(state)+" (") {
		t.Errorf("%s: status does not say %s:\n%s", r.Name, state, said)
	}
	if said := r.told(t, ctx, 0, "transports"); !strings.Contains(said, string(state)) {
		t.Errorf("%s: transports do not say %s:\n%s", r.Name, state, said)
	}
	for _, verb := range []string{"status", "transports"} {
		if said := r.told(t, ctx, 0, verb, "--json"); !strings.Contains(said, `"`+string(state)+`"`) {
			t.Errorf("%s: %s --json does not say %s:\n%s", r.Name, verb, state, said)
		}
	}
}

// diagnosed looks for what doctor says of how a router is reached, in words and as JSON; it finds no other problem.
func diagnosed(t *testing.T, ctx context.Context, r *Router, status int, level control.FindingLevel, text, advice string) {
	t.Helper()
	said := r.told(t, ctx, status, "doctor")
	for _, part := range []string{text, advice} {
		if !strings.Contains(said, part) {
			t.Errorf("%s: doctor does not say %q:\n%s", r.Name, part, said)
		}
	}
	var found []control.Finding
	for line := range strings.Lines(r.told(t, ctx, status, "doctor", "--json")) {
		var f control.Finding
		if err := json.Unmarshal([]byte(line), &f); err != nil {
			t.Fatal(err)
		}
		found = append(found, f)
	}
	i := slices.IndexFunc(found, func(f control.Finding) bool { return f.Check == "reachability" && strings.HasPrefix(f.Text, text) })
	if i < 0 || found[i].Level != level || found[i].Advice != advice {
		t.Errorf("%s: doctor --json: expected %s %q %q, it found %+v", r.Name, level, text, advice, found)
	}
	for _, f := range found {
		if f.Level == control.FindingProblem && f.Check != "reachability" {
			t.Errorf("%s: doctor finds %+v", r.Name, f)
		}
	}
}

// TestDoctor: a router whose host lets nobody in over IPv6 says so, while it is reached over IPv4; and one whose
// line is cut says that it hears nobody, until it is mended.
func TestDoctor(t *testing.T) {
	gate(t, time.Minute)
	if err := missingNAT(); err != nil {
		t.Skip("SKIPPED: no network with NAT: ", err)
	}
	t.Parallel()
	ctx := gate(t, 6*time.Minute)
	s := newReachSite(t, ctx, NetworkConfig{SSU2Only: true}, reachGuides{count: guidesOfReach, ours: true, both: true})
	r := s.router(t, ctx, RouterConfig{Name: "blocked", Finds: true, TOML: ssu2Alone})
	const rules = `table ip6 wall {
		chain input {
			type filter hook input priority filter; policy drop
			ct state established,related accept
			iifname lo accept
			meta l4proto ipv6-icmp accept
		}
	}`
	if err := r.ns.Run(rules, "nft", "-f", "-"); err != nil {
		t.Fatal(err)
	}
	await := func(limit time.Duration, v4, v6 control.ReachState) {
		t.Helper()
		begun, last := time.Now(), []control.Reach(nil)
		err := Await(ctx, limit, fmt.Sprintf("it finds %s and %s", v4, v6), func(ctx context.Context) error {
			st, err := r.Status(ctx)
			if err == nil {
				last = st.Reach
			}
			if err == nil && (len(st.Reach) != 2 || st.Reach[0].State != v4 || st.Reach[1].State != v6) {
				err = fmt.Errorf("%+v", st.Reach)
			}
			return err
		})
		if err != nil {
			r.told(t, ctx, 1, "doctor")
			t.Fatalf("%v: %+v", err, last)
		}
		t.Logf("%s and %s after %.1f s", v4, v6, time.Since(begun).Seconds())
	}
	await(time.Minute, control.ReachOK, control.ReachFirewalled)
	if err := r.AwaitTunnels(ctx, time.Minute); err != nil {
		t.Fatal(err)
	}
	diagnosed(t, ctx, r, 1, control.FindingProblem, "IPv6: others do not reach the router by themselves",
		fmt.Sprintf("let the firewall of this machine and of its gateway pass UDP port %d in", portTransport))
	s.far.WAN.Cut(r.Host)
	await(2*time.Minute, control.ReachDisconnected, control.ReachDisconnected)
	r.told(t, ctx, 1, "doctor")
	s.far.WAN.Heal(r.Host)
	await(2*time.Minute, control.ReachOK, control.ReachFirewalled)
	r.told(t, ctx, 1, "doctor")
}

// told is what i2p-router prints, which ends with a status.
func (r *Router) told(t *testing.T, ctx context.Context, status int, args ...string) string {
	t.Helper()
	out, err := r.ask(ctx, args...)
	got := 0
	var ended *exec.ExitError
	if errors.As(err, &ended) {
		got = ended.ExitCode()
	} else if err != nil {
		t.Fatal(err)
	}
	if got != status {
		t.Errorf("%s: i2p-router %s ended with %d, expected %d: %v\n%s", r.Name, strings.Join(args, " "), got, status, err, out)
	}
	if !slices.Contains(args, "--json") {
		t.Logf("%s: i2p-router %s\n%s", r.Name, strings.Join(args, " "), bytes.TrimSpace(out))
	}
	return string(out)
}
