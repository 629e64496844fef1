//go:build linux

package interop

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/interop/wan"
)

// built is what became of the tunnels that a router has built in its first minute.
type built struct {
	control.BuildCounts
	ready time.Duration // until there was one each way
}

// TestFirstBuilds prints what becomes of the tunnels that a router at home builds in its first minute, in a
// network of i2pd's: ours and i2pd by turns. Only scripts/reach runs it.
func TestFirstBuilds(t *testing.T) {
	rounds, _ := strconv.Atoi(os.Getenv("I2P_REACH_BUILDS"))
	if rounds == 0 {
		t.Skip("takes minutes: use scripts/reach -builds")
	}
	if err := missingNAT(); err != nil {
		t.Fatal(err)
	}
	ctx := gate(t, time.Duration(rounds)*12*time.Minute)
	s := newReachSite(t, ctx, NetworkConfig{SSU2: true}, reachGuides{count: guidesOfReach})
	homes := []struct {
		name string
		nat  wan.NAT
		ssu2 bool
	}{{"NTCP2 and SSU2, restricted NAT", wan.Restricted, false}, {"SSU2, restricted NAT", wan.Restricted, true}, {"NTCP2 and SSU2, symmetric NAT", wan.Symmetric, false}}
	text := "\n| | router | built | refused | expired | a tunnel each way after |\n|---|---|---|---|---|---|\n"
	for i, h := range homes {
		for round := range rounds {
			for _, kind := range []string{"ours", "i2pd"} {
				s.next = h.nat
				var b built
				var err error
				if name := fmt.Sprintf("%s-%d-%d", kind, i, round); kind == "ours" {
					b, err = s.ourFirstBuilds(t, ctx, name, h.ssu2)
				} else {
					b, err = s.theirFirstBuilds(ctx, name, h.ssu2)
				}
				if err != nil {
					t.Fatal(err)
				}
				text += fmt.Sprintf("| %s | %s | %d | %d | %d | %.1f s |\n", h.name, kind, b.Accepted, b.Refused, b.Expired, b.ready.Seconds())
			}
		}
	}
	fmt.Println(text)
}

// firstMinute is how long a router is watched from its start.
const firstMinute = time.Minute

func (s *reachSite) ourFirstBuilds(t *testing.T, ctx context.Context, name string, ssu2 bool) (b built, err error) {
	toml := ""
	if ssu2 {
		toml = ssu2Alone
	}
	r := s.router(t, ctx, RouterConfig{Name: name, Finds: true, Knows: knownGuides, NoTransit: true, TOML: toml})
	defer r.Kill()
	if err := r.AwaitTunnels(ctx, firstMinute); err != nil {
		return b, err
	}
	b.ready = time.Since(r.Started)
	err = sleepUntil(ctx, r.Started.Add(firstMinute))
	if err != nil {
		return b, err
	}
	st, err := r.Status(ctx)
	b.BuildCounts = st.Builds
	return b, err
}

// What i2pd says of its tunnels, with the time of day before it.
var (
	builtTunnel   = regexp.MustCompile(`(?m)^(\d\d):(\d\d):(\d\d).*(Inbound|Outbound) tunnel \d+ has been created`)
	refusedTunnel = regexp.MustCompile(`tunnel \d+ has been declined`)
	expiredTunnel = regexp.MustCompile(`Pending build request \d+ (timeout|failed), deleted`)
)

func (s *reachSite) theirFirstBuilds(ctx context.Context, name string, ssu2 bool) (b built, err error) {
	r, err := s.StartI2PD(ctx, name, I2PDConfig{
		Release: Sid, SSU2: true, NoNTCP2: ssu2, Finds: true, Hops: 2, LogLevel: "debug", NoTransit: true, Known: s.known,
	})
	if err != nil {
		return b, err
	}
	defer r.Kill()
	if err := sleepUntil(ctx, r.Started.Add(firstMinute)); err != nil {
		return b, err
	}
	log, err := os.ReadFile(filepath.Join(r.dir, "log"))
	if err != nil {
		return b, err
	}
	text := string(log)
	first := map[string]time.Duration{}
	for _, m := range builtTunnel.FindAllStringSubmatch(text, -1) {
		b.Accepted++
		if _, had := first[m[4]]; !had {
			h, _ := strconv.Atoi(m[1])
			min, _ := strconv.Atoi(m[2])
			sec, _ := strconv.Atoi(m[3])
			start := r.Started.UTC()
			at := time.Date(start.Year(), start.Month(), start.Day(), h, min, sec, 0, time.UTC)
			first[m[4]] = max(0, at.Sub(start))
		}
	}
	b.ready = max(first["Inbound"], first["Outbound"])
	b.Refused = uint64(len(refusedTunnel.FindAllString(text, -1)))
	b.Expired = uint64(len(expiredTunnel.FindAllString(text, -1)))
	if !strings.Contains(text, "Tunnel") {
		return b, fmt.Errorf("interop: the log of %s says nothing of tunnels", name)
	}
	return b, nil
}

// sleepUntil waits for a time of the clock: it is what is measured.
func sleepUntil(ctx context.Context, at time.Time) error {
	select {
	case <-time.After(time.Until(at)):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
