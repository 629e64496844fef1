package lookups

import (
	"fmt"
	"io"
	"time"
)

// Print writes a result as tables.
func (r Result) Print(to io.Writer) {
	s := r.Scenario
	fmt.Fprintf(to, "seed %d: %d routers, %d of them floodfills; %.0f %% of the messages get lost; %.0f %% of the routers leave in an hour: %d did\n",
		s.Seed, s.Routers, s.Floodfills, 100*s.Loss, 100*s.Churn, r.Left)
	fmt.Fprintf(to, "%-46s %7s %7s %9s %9s %9s %6s\n", "lookups", "asked", "found", "", "median", "95 %", "asks")
	line := func(what string, o Outcome) {
		asks := "-"
		if o.Questions > 0 {
			asks = fmt.Sprintf("%.1f", o.Questions)
		}
		fmt.Fprintf(to, "%-46s %7d %7d %7.1f %% %9s %9s %6s\n", what, o.Asked, o.Found, 100*o.Share(), ms(o.Median), ms(o.Most), asks)
	}
	line("routers", r.Routers)
	line("lease sets", r.LeaseSets)
	for _, a := range r.Attacks {
		line(fmt.Sprintf("%s (%d)", a.Name, s.Forged), a.Target)
	}
	if len(r.Attacks) > 0 {
		line("other routers meanwhile", r.Others)
	}
	fmt.Fprintf(to, "a router knows %d others, in the median\n", r.Known)
	fmt.Fprintf(to, "%-46s %9s %9s %12s %9s\n", "phase", "simulated", "CPU", "messages", "heap")
	for _, p := range r.Phases {
		fmt.Fprintf(to, "%-46s %9s %8.0fs %12d %6d MB\n", p.Name, p.Simulated, p.CPU.Seconds(), p.Messages, p.Heap>>20)
	}
	fmt.Fprintf(to, "trace %x\n", r.Trace[:8])
}

func ms(d time.Duration) string { return d.Round(time.Millisecond).String() }
