package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"time"

	"i2ptoolkit/pkg/cli"
	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/control/client"
	"i2ptoolkit/pkg/processors"
	"i2ptoolkit/pkg/words"
)

func benchCommand() *cli.Command {
	return &cli.Command{
		Name:      "bench",
		Usage:     "measure latency and throughput to a destination",
		ArgsUsage: "DEST[:PORT] | DEST PORT",
		Description: "It tells how long streams take to open, how long a byte takes there and back, and how many bytes a second\n" +
			"go up and come down; times as the 50th, 90th and 99th percentile. i2p-tunnel listen --bench is the peer with\n" +
			"which all of it is measured. A server that sends back what it gets gives round trips, and what goes up comes\n" +
			"down; one that says nothing gives what goes up, until the peer has it all; of any other only the opening is\n" +
			"measured. Which it is, is found out, unless --as says so.",
		Flags: tunnelFlags(cli.DurationFlag{Name: "timeout", Value: time.Minute, Usage: "give a stream up that does not open, or an answer that does not come, after `DURATION`"},
			cli.Int(1, 1000, cli.IntFlag{Name: "connects", Value: 10, Usage: "open `NUMBER` streams"}),
			cli.Int(0, 10000, cli.IntFlag{Name: "pings", Value: 20, Usage: "measure `NUMBER` round trips; 0: none"}),
			cli.Int(0, maxGive, cli.IntFlag{Name: "bytes", Value: 4 << 20, Usage: "send and ask for `NUMBER` bytes at most; 0: no throughput"}),
			cli.Duration(time.Second, time.Hour, cli.DurationFlag{Name: "span", Value: 20 * time.Second, Usage: "measure throughput for `DURATION` at most"}),
			cli.OneOf(cli.StringFlag{Name: "as", Usage: "the peer is one of `KIND`: " + benchPeer + ", " + benchEcho + ", " + benchDiscard + " or " + benchOther, DefaultText: "is found out"},
				benchPeer, benchEcho, benchDiscard, benchOther),
			cli.JSONFlag(),
		),
		Action: func(c *cli.Context) error {
			to, name, err := target(c)
			if err != nil {
				return err
			}
			defer processors.Follow()()
			begun := time.Now()
			session, err := openSession(c, c.Context, control.Open{Options: map[string]string{"i2cp.dontPublishLeaseSet": "true"}})
			if err != nil {
				return err
			}
			defer session.Close()
			b := &bench{c: c, session: session, to: to, result: benchResult{Destination: address(name), Port: to.Port}}
			stop := cli.Progress(c, b.progress)
			err = b.run(c.Context, begun)
			stop()
			if err != nil {
				return timedOut(err, "no answer from "+address(name))
			}
			if c.Bool("json") {
				return cli.PrintJSON(b.result)
			}
			return b.result.print(os.Stdout)
		},
	}
}

// benchResult is what bench prints.
type benchResult struct {
	Destination string    `json:"destination"`
	Port        uint16    `json:"port"`
	Peer        string    `json:"peer"` // a kind of peer
	ReadyMillis float64   `json:"ready_ms"`
	Connect     spread    `json:"connect"`
	RoundTrip   *spread   `json:"round_trip,omitempty"`
	Up          *flow     `json:"up,omitempty"`
	Down        *flow     `json:"down,omitempty"`
	Tunnels     hopCounts `json:"tunnels"`
}

// spread is how times are spread, in milliseconds.
type spread struct {
	Count  int     `json:"count"`
	Failed int     `json:"failed"`
	First  float64 `json:"first_ms"`
	Min    float64 `json:"min_ms"`
	P50    float64 `json:"p50_ms"`
	P90    float64 `json:"p90_ms"`
	P99    float64 `json:"p99_ms"`
	Max    float64 `json:"max_ms"`
}

// flow is bytes in a time.
type flow struct {
	Bytes     int64   `json:"bytes"`
	Seconds   float64 `json:"seconds"`
	PerSecond int64   `json:"bytes_per_second"`
}

// hopCounts are the hops of each tunnel that the measuring destination has.
type hopCounts struct {
	In  []int `json:"in"`
	Out []int `json:"out"`
}

func spreadOf(times []time.Duration, failed int) spread {
	s := spread{Count: len(times), Failed: failed}
	if len(times) == 0 {
		return s
	}
	s.First = millis(times[0])
	sorted := slices.Sorted(slices.Values(times))
	// The nearest rank: the least of the times that so many of a hundred do not exceed.
	at := func(percent float64) float64 {
		return millis(sorted[max(0, int(math.Ceil(percent/100*float64(len(sorted))))-1)])
	}
	s.Min, s.P50, s.P90, s.P99, s.Max = millis(sorted[0]), at(50), at(90), at(99), millis(sorted[len(sorted)-1])
	return s
}

// millis is a time with three decimals, which is what it is good for.
func millis(d time.Duration) float64 { return float64(d.Round(time.Microsecond)) / 1e6 }

func flowOf(bytes int64, in time.Duration) *flow {
	f := &flow{Bytes: bytes, Seconds: in.Round(time.Microsecond).Seconds()}
	if in > 0 {
		f.PerSecond = int64(float64(bytes) / in.Seconds())
	}
	return f
}

// hops asks the router for the tunnels that stand now.
func hops(ctx context.Context, router *client.Client, b32 string) (h hopCounts, err error) {
	h = hopCounts{In: []int{}, Out: []int{}}
	tunnels, err := router.Tunnels(ctx)
	for _, t := range tunnels {
		switch {
		case t.Owner != b32:
		case t.Direction == control.Inbound:
			h.In = append(h.In, len(t.Hops))
		default:
			h.Out = append(h.Out, len(t.Hops))
		}
	}
	slices.Sort(h.In)
	slices.Sort(h.Out)
	return h, err
}

func (r benchResult) print(w io.Writer) error {
	destination := r.Destination
	if r.Port != 0 {
		destination += fmt.Sprintf(":%d", r.Port)
	}
	head := cli.NewTable(w)
	head.Row("destination", destination)
	head.Row("peer", r.Peer)
	head.Rowf("tunnels", "in %s; out %s; they stood after %s", hopsInWords(r.Tunnels.In), hopsInWords(r.Tunnels.Out), inMillis(r.ReadyMillis))
	if err := head.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(w)
	t := cli.NewTable(w)
	t.Row("", "COUNT", "FAILED", "FIRST", "MIN", "P50", "P90", "P99", "MAX")
	row := func(name string, s spread) {
		t.Row(name, s.Count, s.Failed, inMillis(s.First), inMillis(s.Min), inMillis(s.P50), inMillis(s.P90), inMillis(s.P99), inMillis(s.Max))
	}
	row("connect", r.Connect)
	if r.RoundTrip != nil {
		row("round trip", *r.RoundTrip)
	}
	if err := t.Flush(); err != nil || r.Up == nil && r.Down == nil {
		return err
	}
	fmt.Fprintln(w)
	t = cli.NewTable(w)
	for _, f := range []struct {
		name string
		*flow
	}{{"up", r.Up}, {"down", r.Down}} {
		if f.flow != nil {
			t.Rowf(f.name, "%s/s (%s in %.1f s)", words.Bytes(f.PerSecond), words.Bytes(f.Bytes), f.Seconds)
		}
	}
	return t.Flush()
}

func inMillis(ms float64) string {
	if ms >= 10_000 {
		return fmt.Sprintf("%.1f s", ms/1000)
	}
	return fmt.Sprintf("%.1f ms", ms)
}

// hopsInWords is "3 hops", or "0, 3, 3 hops" where they differ.
func hopsInWords(hops []int) string {
	switch distinct := slices.Compact(slices.Clone(hops)); {
	case len(hops) == 0:
		return "none"
	case len(distinct) == 1:
		return fmt.Sprintf("%d of %s", len(hops), words.Count(distinct[0], "hop"))
	}
	text := ""
	for i, n := range hops {
		if i > 0 {
			text += ", "
		}
		text += fmt.Sprint(n)
	}
	return text + " hops"
}
