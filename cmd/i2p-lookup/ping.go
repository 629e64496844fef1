package main

import (
	"context"
	"fmt"
	"math"
	"time"

	"i2ptoolkit/pkg/cli"
	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/control/client"
)

// pings are the echoes of one destination.
type pings struct {
	Sent     int     `json:"sent"`
	Received int     `json:"received"`
	Min      float64 `json:"min_ms"`
	Avg      float64 `json:"avg_ms"`
	Max      float64 `json:"max_ms"`
	Mdev     float64 `json:"mdev_ms"`

	sum, squares float64
}

// add takes one round trip.
func (p *pings) add(rtt time.Duration) {
	ms := float64(rtt) / float64(time.Millisecond)
	if p.Received == 0 || ms < p.Min {
		p.Min = ms
	}
	p.Received++
	p.Max = max(p.Max, ms)
	p.sum += ms
	p.squares += ms * ms
	n := float64(p.Received)
	p.Avg = p.sum / n
	p.Mdev = math.Sqrt(max(0, p.squares/n-p.Avg*p.Avg))
}

func (p *pings) String() string {
	text := fmt.Sprintf("%d sent, %d received, %.0f%% loss", p.Sent, p.Received, 100*float64(p.Sent-p.Received)/float64(max(1, p.Sent)))
	if p.Received == 0 {
		return text
	}
	return text + fmt.Sprintf(", rtt min/avg/max/mdev = %.0f/%.0f/%.0f/%.0f ms", p.Min, p.Avg, p.Max, p.Mdev)
}

// pinger has destinations echo, all from one of its own.
type pinger struct {
	session *client.Session
	count   int
	every   time.Duration
	timeout time.Duration
	say     func(format string, args ...any) error // each echo; nil: only what came of all
}

// ping has one destination echo several times. An echo that does not come is lost, and it is an
// error where none has come.
func (p *pinger) ping(ctx context.Context, dest string) (*pings, error) {
	done := &pings{}
	var last error
	for i := range p.count {
		if i > 0 {
			select {
			case <-time.After(p.every):
			case <-ctx.Done():
				return done, context.Cause(ctx)
			}
		}
		done.Sent++
		pong, err := p.session.Ping(ctx, control.Ping{Destination: dest, TimeoutMillis: p.timeout.Milliseconds()})
		if ctx.Err() != nil {
			return done, context.Cause(ctx)
		}
		said := ""
		if err != nil {
			last, said = err, fmt.Sprintf("no echo: seq=%d: %s", i+1, cli.Text(err))
		} else {
			rtt := time.Duration(pong.RTTMicros) * time.Microsecond
			done.add(rtt)
			said = fmt.Sprintf("echo from %s: seq=%d time=%d ms", pong.B32, i+1, rtt.Milliseconds())
		}
		if p.say != nil {
			if err := p.say("%s", said); err != nil {
				return done, err
			}
		}
	}
	if done.Received == 0 {
		return done, last
	}
	return done, nil
}
