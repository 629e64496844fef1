package join

import (
	"time"

	"i2ptoolkit/pkg/draw"
	"i2ptoolkit/pkg/reseed/fetch"
)

const (
	knownInterval  = time.Minute      // how often the known routers are counted
	reseedInterval = 15 * time.Minute // between a try that was of use and the next one
)

// politely are the pauses while servers answer, but give too little.
func politely() []time.Duration {
	return []time.Duration{time.Minute, 2 * time.Minute, 5 * time.Minute, 15 * time.Minute, 30 * time.Minute, time.Hour}
}

// offline are the pauses while nobody is reached: nobody is bothered then, and the network may
// come up at any moment. Later on it may be that somebody blocks all servers.
func offline() []time.Duration {
	pauses := []time.Duration{5 * time.Second, 10 * time.Second, 20 * time.Second}
	for range 20 {
		pauses = append(pauses, 30*time.Second)
	}
	return append(pauses, 2*time.Minute)
}

// situation is what came of a try; only a change of it is news.
type situation string

const (
	unreached situation = "nobody was reached"
	useless   situation = "nothing of use was given"
	tooFew    situation = "too few routers are known"
	enough    situation = "enough routers are known"
)

func judge(reports []fetch.Report, known, threshold int) situation {
	reached, given := false, false
	for _, report := range reports {
		reached = reached || !report.Result.Unreached()
		given = given || report.Accepted > 0
	}
	switch {
	case !reached:
		return unreached
	case !given:
		return useless
	case known < threshold:
		return tooFew
	}
	return enough
}

// streak is what came of the last try, and how many in a row before it came to
// the same.
type streak struct {
	last situation
	same int
}

func (k *streak) add(came situation) {
	if k.same++; came != k.last {
		k.same = 0
	}
	k.last = came
}

// pause is the time until the next try. It varies, so that routers that started together, as
// after a power cut, do not go on together.
func (k streak) pause(random *draw.Source) time.Duration {
	d := reseedInterval
	switch pauses := politely(); k.last {
	case unreached:
		pauses = offline()
		d = pauses[min(k.same, len(pauses)-1)]
	case useless, tooFew:
		d = pauses[min(k.same, len(pauses)-1)]
	}
	return random.Between(d*4/5, d*6/5)
}
