package lookups

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"i2ptoolkit/pkg/buf/buftest"
)

var (
	full         = flag.Bool("full", false, "run TestFull")
	seed         = flag.Uint64("seed", 1, "")
	routers      = flag.Int("routers", 2000, "")
	floodfills   = flag.Int("floodfills", 0, "0: a twentieth of the routers")
	liveRouters  = flag.Int("live", 0, "routers that live as on the Internet, the others serve only; 0: all")
	destinations = flag.Int("destinations", 63, "")
	loss         = flag.Float64("loss", 0.05, "")
	churn        = flag.Float64("churn", 0.2, "")
	warm         = flag.Duration("warm", 6*time.Minute, "")
	measured     = flag.Duration("measured", 6*time.Minute, "")
	lookups      = flag.Int("lookups", 2000, "")
	forged       = flag.Int("forged", 1000, "")
	siege        = flag.Duration("siege", 12*time.Minute, "lease sets are renewed in it")
	failures     = flag.Bool("failures", false, "say why each lookup failed that did")
	workers      = flag.Int("workers", 0, "")
)

func run(t *testing.T, s Scenario) Result {
	t.Helper()
	buftest.NoLeak(t)
	r, err := Run(s)
	if err != nil {
		t.Fatal(err)
	}
	var table strings.Builder
	r.Print(&table)
	t.Log("\n" + table.String())
	return r
}

// TestLookups: routers and lease sets are found where messages get lost and routers leave, and
// where forged floodfills surround the key.
func TestLookups(t *testing.T) {
	r := run(t, Scenario{
		Seed: 1, Routers: 100, Floodfills: 10, Live: 6, Destinations: 6, Loss: 0.05, Churn: 0.2,
		Warm: published, Measured: 30 * time.Second, Lookups: 60, Forged: forgedInTest, Siege: 30 * time.Second,
	})
	if r.Routers.Share() < 0.98 || r.LeaseSets.Share() < 0.98 {
		t.Errorf("%.1f %% of the routers and %.1f %% of the lease sets are found", 100*r.Routers.Share(), 100*r.LeaseSets.Share())
	}
	for _, a := range r.Attacks {
		if a.Target.Share() < 0.85 {
			t.Errorf("%s: %.0f %% found it", a.Name, 100*a.Target.Share())
		}
	}
}

// TestFull is scripts/mesh.
func TestFull(t *testing.T) {
	if !*full {
		t.Skip("run by scripts/mesh")
	}
	s := Scenario{
		Seed: *seed, Routers: *routers, Floodfills: *floodfills, Live: *liveRouters, Destinations: *destinations,
		Loss: *loss, Churn: *churn, Warm: *warm, Measured: *measured, Lookups: *lookups, Forged: *forged, Siege: *siege, Workers: *workers,
	}
	if s.Floodfills == 0 {
		s.Floodfills = s.Routers / 20
	}
	r, err := Run(s)
	if err != nil {
		t.Fatal(err)
	}
	r.Print(os.Stdout)
	if *failures {
		fmt.Println(strings.Join(r.Failures, "\n"))
	}
}

// TestSeed: a seed gives one run, whatever works on it.
func TestSeed(t *testing.T) {
	s := Scenario{Seed: 2, Routers: 30, Floodfills: 6, Live: 4, Destinations: 2, Loss: 0.05, Churn: 1, Warm: published, Measured: 10 * time.Second, Lookups: 4, Workers: 1}
	one := run(t, s)
	if s.Workers = 3; run(t, s).Trace != one.Trace {
		t.Error("three workers make another run of a seed than one")
	}
}
