//go:build linux

package interop

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"sync"
	"time"
)

// farPatience is how long a transfer may take, and how long a stream may be
// silent before it counts as broken.
const farPatience = 150 * time.Second

// farAfter measures a bulk transfer on a new stream after so many small round trips with pauses.
func farAfter(pings int) func(context.Context, *farBench, *farGroup, farRow) ([]float64, error) {
	return func(ctx context.Context, b *farBench, g *farGroup, row farRow) ([]float64, error) {
		s, err := g.stream(ctx, row.hops)
		if err != nil {
			return nil, err
		}
		defer s.end()
		if err := chat(ctx, s, pings); err != nil {
			return nil, err
		}
		rate, err := b.bulk(ctx, s)
		return []float64{rate}, err
	}
}

// chat is what a protocol of questions and answers does at its beginning.
func chat(ctx context.Context, s Stream, pings int) error {
	for range pings {
		if _, err := Ping(ctx, s); err != nil {
			return err
		}
		time.Sleep(300 * time.Millisecond)
	}
	return nil
}

// bulk gives MB/s of a transfer; of one that takes too long that of
// the part that came.
func (b *farBench) bulk(ctx context.Context, s *farStream) (rate float64, err error) {
	ctx, cancel := context.WithTimeout(ctx, farPatience)
	defer cancel()
	start, came, before := time.Now(), int64(0), s.came.Load()
	if b.down {
		err = DownloadWatched(ctx, s, b.size, func(n int64) { came = n })
	} else {
		err = Upload(ctx, s, b.size)
		came = s.came.Load() - before
	}
	rate = float64(came) / 1e6 / time.Since(start).Seconds()
	if err != nil && ctx.Err() == nil {
		rate = math.NaN()
	}
	if err != nil {
		return rate, fmt.Errorf("%.2f MB after %v: %w", float64(came)/1e6, time.Since(start).Round(time.Second), err)
	}
	return rate, nil
}

// farBeside measures a bulk transfer, and how much longer the round trips of
// another stream between the same hosts take beside it than before it.
func farBeside(ctx context.Context, b *farBench, g *farGroup, row farRow) ([]float64, error) {
	talk, err := g.stream(ctx, row.hops)
	if err != nil {
		return nil, err
	}
	defer talk.end()
	s, err := g.stream(ctx, row.hops)
	if err != nil {
		return nil, err
	}
	defer s.end()
	idle, err := pingEvery(ctx, talk, 12)
	if err != nil {
		return nil, err
	}
	beside, stop := context.WithCancel(ctx)
	defer stop()
	type pings struct {
		median time.Duration
		err    error
	}
	pinged := make(chan pings, 1)
	go func() {
		d, err := pingEvery(beside, talk, math.MaxInt)
		pinged <- pings{d, err}
	}()
	rate, err := b.bulk(ctx, s)
	stop()
	p := <-pinged
	if p.err != nil {
		return nil, errors.Join(err, p.err)
	}
	b.t.Logf("%s, %s: round trip %v idle, %v beside the transfer", row.name, g.kind, idle.Round(time.Millisecond), p.median.Round(time.Millisecond))
	return []float64{rate, p.median.Seconds() / idle.Seconds()}, err
}

// pingEvery gives the median of so many round trips, or of those until ctx ends.
func pingEvery(ctx context.Context, s Stream, count int) (time.Duration, error) {
	var all []time.Duration
	for i := 0; i < count && ctx.Err() == nil; i++ {
		d, err := Ping(ctx, s)
		if err != nil && ctx.Err() == nil {
			return 0, err
		}
		if err == nil {
			all = append(all, d)
		}
		select {
		case <-ctx.Done():
		case <-time.After(200 * time.Millisecond):
		}
	}
	if len(all) == 0 {
		return 0, errors.New("no round trip came to its end")
	}
	return Median(all), nil
}

// flow watches the arrivals of a drip.
type flow struct {
	mu      sync.Mutex
	last    time.Time
	longest time.Duration // between two arrivals since mark
	ended   error
}

// startFlow has the other end of a stream drip, until it is closed.
func startFlow(ctx context.Context, s Stream) *flow {
	f := &flow{last: time.Now()}
	go func() {
		err := Drip(ctx, s, 1e9, func(int) { f.arrived(time.Now()) })
		f.mu.Lock()
		defer f.mu.Unlock()
		f.ended = errors.Join(errors.New("the stream has ended"), err)
	}()
	return f
}

func (f *flow) arrived(now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.longest = max(f.longest, now.Sub(f.last))
	f.last = now
}

// mark forgets what was.
func (f *flow) mark() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.longest = 0
}

// state gives the time of the last arrival, and the longest silence since mark.
func (f *flow) state() (last time.Time, longest time.Duration, ended error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.last, f.longest, f.ended
}

// farDrip opens a stream and waits until data has flowed for a while.
func farDrip(ctx context.Context, g *farGroup, hops int) (f *flow, end func(), err error) {
	s, err := g.stream(ctx, hops)
	if err != nil {
		return nil, nil, err
	}
	f = startFlow(ctx, s)
	begin := time.Now()
	err = Await(ctx, time.Minute, "data flows for 10 seconds", func(context.Context) error {
		last, _, ended := f.state()
		if ended == nil && (time.Since(begin) < 10*time.Second || time.Since(last) > time.Second) {
			return fmt.Errorf("the last data came %v ago", time.Since(last))
		}
		return ended
	})
	if err != nil {
		s.end()
		return nil, nil, err
	}
	f.mark()
	return f, s.end, nil
}

// settled waits until data flows steadily again, or not at all, and gives the
// longest silence in seconds.
func (f *flow) settled(ctx context.Context) (float64, error) {
	const steady = 10 * time.Second
	since := time.Now() // of the last silence that was noticed
	from := since
	for {
		select {
		case <-ctx.Done():
			return math.Inf(1), ctx.Err()
		case <-time.After(pollEvery):
		}
		last, longest, ended := f.state()
		silent := time.Since(last)
		switch {
		case ended != nil:
			return math.Inf(1), ended
		case silent > farPatience:
			return math.Inf(1), os.ErrDeadlineExceeded
		case silent > 2*time.Second:
			since = time.Now()
		case time.Since(since) > steady && time.Since(from) > 2*steady:
			return longest.Seconds(), nil
		}
	}
}

// farPartition separates the ends, each with half of the hops, heals it, and waits for the next byte.
func farPartition(ctx context.Context, b *farBench, g *farGroup, row farRow) ([]float64, error) {
	f, end, err := farDrip(ctx, g, row.hops)
	if err != nil {
		return nil, err
	}
	defer end()
	heal := b.site.separate(g)
	defer heal()
	select {
	case <-time.After(b.partition):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	before, _, _ := f.state()
	healed := time.Now()
	if healed.Sub(before) < b.partition/2 {
		return nil, errors.New("data came through the partition")
	}
	heal()
	for ctx.Err() == nil && time.Since(healed) < farPatience {
		last, _, ended := f.state()
		if last.After(healed) {
			return []float64{last.Sub(healed).Seconds()}, nil
		}
		if ended != nil {
			return []float64{math.Inf(1)}, ended
		}
		time.Sleep(pollEvery / 10)
	}
	return []float64{math.Inf(1)}, nil
}

// farLostHop unplugs a hop that the data takes.
func farLostHop(ctx context.Context, b *farBench, g *farGroup, row farRow) ([]float64, error) {
	f, end, err := farDrip(ctx, g, row.hops)
	if err != nil {
		return nil, err
	}
	defer end()
	hop := b.site.busiest(ctx, g, 3*time.Second)
	f.mark()
	b.site.wan.Cut(hop)
	silence, err := f.settled(ctx)
	return []float64{silence}, err
}

// farRebind gives the sender's host another address.
func farRebind(ctx context.Context, b *farBench, g *farGroup, row farRow) ([]float64, error) {
	f, end, err := farDrip(ctx, g, row.hops)
	if err != nil {
		return nil, err
	}
	defer end()
	f.mark()
	if err := b.site.wan.Rebind(g.acceptor()); err != nil {
		return nil, err
	}
	silence, err := f.settled(ctx)
	return []float64{silence}, err
}
