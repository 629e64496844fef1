package botnet

import (
	"fmt"
	"io"
	"time"
)

// Print writes a result as a table.
func (r Result) Print(to io.Writer) {
	s := r.Scenario
	from := "anywhere"
	if s.Prefixes > 0 {
		from = fmt.Sprintf("%d networks (/16)", s.Prefixes)
	}
	fmt.Fprintf(to, "seed %d: %d honest routers, %d fakes from %s, %d a second; %.0f %% of them agree to be hops\n",
		s.Seed, s.Honest, s.Fakes, from, s.Rate, 100*s.Agree)
	fmt.Fprintf(to, "%-14s %-7s %28s %28s %14s %7s\n", "", "", "client tunnels, 3 hops", "exploratory, 2 hops", "lookups", "knows")
	fmt.Fprintf(to, "%-14s %-7s %7s %7s %12s %7s %7s %12s %14s\n", "", "", "asked", "agreed", "carried", "asked", "agreed", "carried", "found")
	for _, phase := range []struct {
		name string
		of   [kinds]Outcome
	}{{"peace", r.Peace}, {"attack", r.Attack}} {
		for k, o := range phase.of {
			fmt.Fprintf(to, "%-14s %-7s %7d %7d %5d %4.0f %% %7d %7d %5d %4.0f %% %7d %4.0f %% %7d\n", kindNames[k], phase.name,
				o.Client.Asked, o.Client.Stood, o.Client.Carried, 100*o.Success(),
				o.Exploratory.Asked, o.Exploratory.Stood, o.Exploratory.Carried, 100*share(o.Exploratory.Carried, o.Exploratory.Asked),
				o.Found, 100*share(uint64(o.Found), uint64(o.Asked)), o.Known)
		}
	}
	per := func(bytes uint64, n int) float64 { return float64(bytes) / (1 << 20) / float64(max(n, 1)) * 1000 }
	fmt.Fprintf(to, "memory: %.0f MB for each thousand honest routers, %.0f MB for each thousand fakes; %d messages, %s, trace %x\n\n",
		per(r.HonestBytes, s.Honest), per(r.FakeBytes, s.Fakes), r.Messages, r.Took.Round(time.Second/10), r.Trace[:8])
}
