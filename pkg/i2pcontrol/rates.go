package i2pcontrol

import (
	"slices"
	"time"

	"i2ptoolkit/pkg/control"
)

// keep is how long what was counted is kept: averages go back as far.
const keep = time.Hour

// rates are the bytes that had passed, at times about a second apart and, further back, a minute.
type rates struct{ seen []sample }

type sample struct {
	at      time.Time
	in, out uint64
}

// fine is how far back every second is kept.
const fine = 2 * time.Minute

func (r *rates) note(now time.Time, t control.Traffic) {
	r.seen = append(r.seen, sample{now, t.BytesIn, t.BytesOut})
	if old := len(r.seen) - int(fine/time.Second) - 1; old > 0 {
		// Of those that become old, one a minute stays.
		if s := r.seen[old-1]; old > 1 && s.at.Sub(r.seen[old-2].at) < time.Minute {
			r.seen = slices.Delete(r.seen, old-1, old)
		}
	}
	for len(r.seen) > 2 && now.Sub(r.seen[1].at) > keep {
		r.seen = slices.Delete(r.seen, 0, 1)
	}
}

// average is bytes a second over a time that has passed, or as much of it as is known.
func (r *rates) average(over time.Duration) (in, out float64) {
	if len(r.seen) < 2 {
		return 0, 0
	}
	last := r.seen[len(r.seen)-1]
	from := r.seen[len(r.seen)-2]
	for i := len(r.seen) - 2; i >= 0 && last.at.Sub(r.seen[i].at) <= over; i-- {
		from = r.seen[i]
	}
	seconds := last.at.Sub(from.at).Seconds()
	if seconds <= 0 {
		return 0, 0
	}
	return float64(last.in-from.in) / seconds, float64(last.out-from.out) / seconds
}

func (s *Server) averages(over time.Duration) (in, out float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rates.average(over)
}
