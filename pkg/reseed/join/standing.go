package join

import (
	"sync"
	"time"

	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/draw"
	"i2ptoolkit/pkg/reseed/fetch"
)

// standing is how the search for routers stands: the policy, what came of the
// tries by it, and what the status shows of that.
type standing struct {
	mu     sync.Mutex // a leaf
	policy Policy
	tries  streak // by the policy
	shown  control.Reseed
	stats  Stats
}

// Stats count tries by what came of them.
type Stats struct {
	Unreached, Useless, TooFew, Enough uint64
	Learned, Rejected                  uint64    // RouterInfos
	Last                               time.Time // the last try's end; zero: there was none
}

// Stats returns the counts.
func (s *standing) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stats
}

// Status is the present state.
func (s *standing) Status() control.Reseed {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.shown
}

// Policy is the one that holds.
func (s *standing) Policy() Policy {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.policy
}

// adopt begins a policy. No try has been made by it yet.
func (s *standing) adopt(p Policy) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p.number = s.policy.number + 1
	s.policy, s.tries = p, streak{}
	s.shown.Next = time.Time{}
	if s.shown.Servers == nil {
		s.shown.Servers = []control.ReseedServer{}
	}
	switch {
	case !p.Auto:
		s.shown.State, s.shown.Reason = control.ReseedOff, "this router does not reseed by itself"
	case s.shown.Last.IsZero():
		s.shown.State, s.shown.Reason = control.ReseedWaiting, "the netDb is being read"
	default:
		s.shown.State = control.ReseedWaiting
	}
}

// rest is the state of a router that knows enough others.
func (s *standing) rest() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.policy.Auto && s.shown.State != control.ReseedRunning { // the policy may be another by now
		s.shown.State = control.ReseedEnough
		if s.shown.Last.IsZero() {
			s.shown.Reason = string(enough)
		}
	}
}

// left is the time until the next try.
func (s *standing) left(now time.Time) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.shown.State == control.ReseedEnough {
		s.shown.State = control.ReseedWaiting // there were enough, and are no more
	}
	return s.shown.Next.Sub(now)
}

// begin shows that a try is under way.
func (s *standing) begin() (before control.Reseed) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before = s.shown
	s.shown.State, s.shown.Servers = control.ReseedRunning, []control.ReseedServer{}
	return before
}

// progress shows what is known so far. The list is made anew: others hold it.
func (s *standing) progress(report fetch.Report) {
	s.mu.Lock()
	defer s.mu.Unlock()
	servers := s.shown.Servers
	s.shown.Servers = append(servers[:len(servers):len(servers)], reseedServer(report))
}

// restore forgets a try that was broken off. What another policy has said since it began stays.
func (s *standing) restore(before control.Reseed) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.shown.State != control.ReseedRunning {
		before.State, before.Reason, before.Next = s.shown.State, s.shown.Reason, s.shown.Next
	}
	s.shown = before
}

// count takes what came of a try by a policy, and tells whether it is news. Where
// the policy is another meanwhile, it has had no try.
func (s *standing) count(p Policy, came situation, reports []fetch.Report, now time.Time) (news bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	news = came != s.tries.last || came == enough
	if p.number == s.policy.number {
		s.tries.add(came)
	}
	s.stats.count(came, reports, now)
	return news
}

// end shows what came of a try by a policy, and when the next one is due.
func (s *standing) end(p Policy, came situation, shown control.Reseed, random *draw.Source) control.Reseed {
	s.mu.Lock()
	defer s.mu.Unlock()
	shown.State = control.ReseedOff
	if s.policy.Auto {
		shown.State = control.ReseedWaiting
		if came == enough {
			shown.State = control.ReseedEnough
		}
		if p.number == s.policy.number {
			shown.Next = shown.Last.Add(s.tries.pause(random))
		}
	}
	s.shown = shown
	return shown
}

func (s *Stats) count(came situation, reports []fetch.Report, now time.Time) {
	switch came {
	case unreached:
		s.Unreached++
	case useless:
		s.Useless++
	case tooFew:
		s.TooFew++
	case enough:
		s.Enough++
	}
	for _, r := range reports {
		s.Learned += uint64(r.New)
		for _, n := range r.Rejected {
			s.Rejected += uint64(n)
		}
	}
	s.Last = now
}

func reseedServer(r fetch.Report) control.ReseedServer {
	return control.ReseedServer{
		Server: r.Server, Result: string(r.Result), Reason: r.Reason, Status: r.Status, Bytes: r.Bytes,
		Found: r.Found, Accepted: r.Accepted, New: r.New, Rejected: r.Rejected, Signer: r.Signer, Made: r.Made,
		AgeSeconds: r.AgeSeconds, ServerTime: r.ServerTime, AheadSeconds: r.AheadSeconds, DurationMillis: r.DurationMillis,
	}
}
