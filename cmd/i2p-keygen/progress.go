package main

import (
	"fmt"
	"math"
	"time"

	"i2ptoolkit/pkg/cli"
)

// progress tells the rate, the odds and the time to expect.
func (s *vanitySearch) progress(elapsed time.Duration) string {
	tried := float64(s.tried.Load())
	rate := tried / elapsed.Seconds()
	line := fmt.Sprintf("%s/s, %s tried", quantity(rate), quantity(tried+float64(s.before)))
	if s.many() {
		line += fmt.Sprintf(", %d found", s.found.Load())
	}
	odds := s.patterns.Odds()
	if odds == 0 || rate == 0 {
		return line
	}
	// The search has no memory: what is to be expected is the same at any time.
	half := time.Duration(min(math.Ln2/odds/rate, 1e9) * float64(time.Second))
	by := -math.Expm1((tried + float64(s.before)) * math.Log1p(-odds))
	return line + fmt.Sprintf(", 1 in %s, even odds in %s more, %.0f %% by now", quantity(1/odds), inWords(half), 100*by)
}

// summary is the one line that is left of a search.
func (s *vanitySearch) summary() {
	elapsed := time.Since(s.begun)
	tried := s.tried.Load()
	cli.Notef(s.c, "%d found, %s tried in %s, %s/s (%s, threads: %d)", s.found.Load(), quantity(float64(tried)),
		elapsed.Round(time.Millisecond), quantity(float64(tried)/elapsed.Seconds()), s.kernel.Name, s.threads)
}

// quantity shortens a number: 33.5 M.
func quantity(n float64) string {
	for _, unit := range []struct {
		size float64
		name string
	}{{1e18, " E"}, {1e15, " P"}, {1e12, " T"}, {1e9, " G"}, {1e6, " M"}, {1e3, " k"}} {
		if n >= unit.size {
			return fmt.Sprintf("%.1f%s", n/unit.size, unit.name)
		}
	}
	return fmt.Sprintf("%.0f", n)
}

// inWords rounds a duration to what a person wants to know.
func inWords(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d > 1000*day:
		return fmt.Sprintf("%.0f years", d.Hours()/24/365)
	case d > 2*day:
		return fmt.Sprintf("%.1f days", d.Hours()/24)
	case d > time.Minute:
		return d.Round(time.Second).String()
	}
	return d.Round(100 * time.Millisecond).String()
}
