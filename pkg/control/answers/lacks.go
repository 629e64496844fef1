package answers

import (
	"context"
	"fmt"
	"time"

	"i2ptoolkit/pkg/config"
	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/doctor"
	"i2ptoolkit/pkg/router"
	"i2ptoolkit/pkg/transport"
	"i2ptoolkit/pkg/words"
)

// needs is what the tunnels of a router depend on.
type needs struct {
	known     int // other routers
	hops      int // of the router's own tunnels, the longer way
	sessions  int
	failed    uint64 // dials
	builds    control.BuildCounts
	reseed    control.Reseed
	auto      bool // it reseeds by itself
	enabled   bool // it may
	public    bool
	bootstrap bool
	stuck     int    // destinations without tunnels, while the router has some
	clock     string // why this machine's is probably wrong
}

// text says why there are no tunnels, and what would help.
func (n needs) text() string {
	asked := n.builds.Accepted + n.builds.Refused + n.builds.Expired
	switch {
	case n.clock != "" && (n.known == 0 || n.sessions == 0):
		return n.clock + ": " + doctor.ClockAdvice
	case n.known == 0 && n.reseed.State == control.ReseedRunning:
		return "no other router is known: reseed servers are being asked"
	case n.known == 0 && n.auto && !n.reseed.Last.IsZero():
		return fmt.Sprintf("no other router is known: %s, and reseed asks again at %s", n.reseed.Reason, n.reseed.Next.UTC().Format(time.TimeOnly+" UTC"))
	case n.known == 0 && n.auto:
		return "no other router is known: reseed has not begun yet"
	case n.known == 0:
		return "no other router is known, and " + n.noReseed()
	case n.known < n.hops:
		return fmt.Sprintf("only %s known, and tunnels have %s", words.Counted(n.known, "other router is", "other routers are"), words.Count(n.hops, "hop"))
	case n.sessions == 0 && n.failed > 0:
		return fmt.Sprintf("none of %s can be reached: is there a network, does a firewall let us dial, and is the clock right?", words.Count(n.known, "known router"))
	case asked > 0 && n.builds.Accepted == 0:
		return fmt.Sprintf("none of %s was accepted: %d refused, %d without an answer", words.Count(asked, "tunnel build"), n.builds.Refused, n.builds.Expired)
	case n.stuck > 0:
		return fmt.Sprintf("none of the router's own tunnels works, and %s: their tunnels are never built straight from the router, which would show whose they are",
			words.Counted(n.stuck, "local destination waits", "local destinations wait"))
	}
	return ""
}

// noReseed says why nobody is asked for routers, and what to do.
func (n needs) noReseed() string {
	why := "nobody is asked for one"
	switch {
	case n.bootstrap:
		why = "bootstrap gave none of this network"
	case !n.enabled:
		why = "reseed is off"
	case !n.public:
		why = "a private network has no reseed servers that are known"
	}
	return why + ": name some with --bootstrap or --reseed, or tell i2p-router reseed"
}

// Lacks says why there are no tunnels, as far as that is known; empty: there are, or soon
// will be.
func (a *Answers) Lacks() string {
	return a.lacks(a.cfg.Router.Numbers(), a.cfg.Transport.Stats(), a.cfg.Settings(), a.cfg.Standing())
}

func (a *Answers) lacks(c router.Numbers, t transport.Stats, s config.Config, at Standing) string {
	if !at.Loaded || at.Stopping || c.ExploratoryIn > 0 && c.ExploratoryOut > 0 && c.Stuck == 0 {
		return ""
	}
	reseed := a.cfg.Joiner.Status()
	return needs{
		clock: doctor.ClockDoubt(c.DB.Routers, t.Sessions, c.DB.FromFuture, a.Transports(), reseed),
		known: c.DB.Routers, hops: max(s.Exploratory.InLength, s.Exploratory.OutLength), sessions: t.Sessions, failed: t.DialsFailed,
		builds: control.BuildCounts{Accepted: c.BuildsAccepted, Refused: c.BuildsRefused, Expired: c.BuildsExpired},
		reseed: reseed, auto: a.cfg.Joiner.Policy().Auto, enabled: s.Reseed.Enabled, public: s.Public(), bootstrap: len(s.Bootstrap) > 0,
		stuck: c.Stuck,
	}.text()
}

// WatchLacks tells of what keeps the router from its work, until ctx ends. It begins once the
// netDb has been read.
func (a *Answers) WatchLacks(ctx context.Context, tell func(lack string)) {
	hopeless := a.cfg.Router.Numbers().DB.Routers == 0 && !a.cfg.Joiner.Policy().Auto
	warnOfLacks(ctx, hopeless, func() {
		if lack := a.Lacks(); lack != "" {
			tell(lack)
		}
	})
}

// lackPauses are the times between looks at what is lacking; the last one goes on.
func lackPauses() []time.Duration {
	return []time.Duration{time.Minute, 10 * time.Minute, time.Hour}
}

// warnOfLacks looks for what keeps the router from its work: at once where nothing is going
// to change by itself, and then again, but rarely.
func warnOfLacks(ctx context.Context, hopeless bool, look func()) {
	if hopeless {
		look()
	}
	pauses := lackPauses()
	for i := 0; ; i++ {
		timer := time.NewTimer(pauses[min(i, len(pauses)-1)])
		select {
		case <-timer.C:
			look()
		case <-ctx.Done():
			timer.Stop()
			return
		}
	}
}
