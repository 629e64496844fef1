package doctor

import (
	"fmt"
	"slices"
	"time"

	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/words"
)

// Peers refuse a router whose clock is off by a minute (NTCP2 and SSU2, Clock Skew).
const (
	refused       = time.Minute
	skewTolerated = 10 * time.Second
	skewWitnesses = 3
	manySkewed    = 5
)

// ClockAdvice is what to do about a clock that is wrong.
const ClockAdvice = "have the clock set by the network (timedatectl set-ntp true, chrony): peers refuse a router that is off by a minute"

// ClockDoubt says by what else this machine's clock is probably wrong, where there are no peers to compare with: RouterInfos of
// the future, the clocks of reseed servers and what they gave, handshakes that failed for it. Empty: nothing tells.
//
// It is only told. A router that set its clock by what these say, as others do, would have its peers decide what is fresh: whoever
// gives a newcomer its first peers could take it back to a day of which he has the RouterInfos and lease sets, and the transient
// keys that have ended since. What the machine has its time from serves all of it, and once it is right the router joins by itself.
func ClockDoubt(known, sessions int, fromFuture uint64, transports []control.Transport, reseed control.Reseed) string {
	others, skewed := clocksOf(reseed.Servers), counted(transports, "skewed")
	switch {
	case sessions == 0 && others.ahead > 1 && others.ahead > others.behind+others.agree:
		return fmt.Sprintf("this machine's clock is %s behind that of %s", words.Span(others.least), words.Count(others.ahead, "reseed server"))
	case sessions == 0 && others.behind > 1 && others.behind > others.ahead+others.agree:
		return fmt.Sprintf("this machine's clock is %s ahead of that of %s", words.Span(others.least), words.Count(others.behind, "reseed server"))
	case fromFuture >= skewWitnesses && fromFuture > uint64(known):
		return words.Counted(fromFuture, "RouterInfo is", "RouterInfos are") + " of the future: probably this machine's clock is behind"
	case others.strange > 1 && known == 0:
		return words.Count(others.strange, "reseed server") + " gave what is of another time: probably this machine's clock is wrong"
	case sessions == 0 && skewed >= manySkewed:
		return words.Count(skewed, "handshake") + " failed for clocks that differ: probably this machine's is wrong"
	}
	return ""
}

// clocks are what reseed servers say of the time.
type clocks struct {
	ahead, behind, agree int           // of ours, or with it
	least                time.Duration // of those that differ
	strange              int           // servers that gave what is of another time, though their clocks do not say that they are wrong
}

func clocksOf(servers []control.ReseedServer) (c clocks) {
	for _, v := range servers {
		off := time.Duration(v.AheadSeconds) * time.Second
		told := !v.ServerTime.IsZero()
		switch {
		case told && off.Abs() <= refused:
			c.agree++
			continue
		case told && off > 0:
			c.ahead++
		case told:
			c.behind++
		}
		if told && (c.least == 0 || off.Abs() < c.least) {
			c.least = off.Abs()
		}
		if v.Result == "clock" || v.Found > 0 && v.Rejected["from the future"] == v.Found {
			c.strange++
		}
	}
	return c
}

func (s Signs) clock(fs *findings) {
	skews := slices.Sorted(slices.Values(s.Skews))
	doubt := ClockDoubt(s.Status.Known.Routers, s.Status.Sessions, s.FromFuture, s.Transports, s.Status.Reseed)
	switch {
	case len(skews) < skewWitnesses && doubt != "":
		fs.problem("clock", doubt, ClockAdvice)
	case len(skews) == 0:
		fs.note("clock", "there is no peer to compare with", "")
	case len(skews) < skewWitnesses:
		fs.note("clock", fmt.Sprintf("only %s to compare with: too few to tell", words.Counted(len(skews), "peer is there", "peers are there")), "")
	default:
		m := skews[len(skews)/2].Round(time.Second)
		switch {
		case m >= skewTolerated:
			fs.problem("clock", fmt.Sprintf("the clock of this machine is %v behind that of its peers", m), ClockAdvice)
		case m <= -skewTolerated:
			fs.problem("clock", fmt.Sprintf("the clock of this machine is %v ahead of that of its peers", -m), ClockAdvice)
		default:
			fs.ok("clock", "it agrees with that of %s", words.Count(len(skews), "peer"))
		}
	}
}
