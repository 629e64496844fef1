package transport

import (
	"context"

	"golang.org/x/time/rate"
)

// bandwidth is a hard limit in one direction over all connections: what is
// written waits for its tokens first; what is read is paid for before the next
// read, so that TCP holds the senders back. In any span of T seconds no more
// than rate*T and one burst go out.
type bandwidth struct {
	limiter *rate.Limiter // nil is no limit
	chunk   int           // the most that is asked for at once
}

const (
	minChunk = 2 << 10
	maxChunk = 128 << 10
)

func newBandwidth(bytesPerSecond int) bandwidth {
	if bytesPerSecond <= 0 {
		return bandwidth{chunk: maxChunk}
	}
	chunk := min(max(bytesPerSecond/8, minChunk), maxChunk)
	return bandwidth{rate.NewLimiter(rate.Limit(bytesPerSecond), chunk), chunk}
}

// wait takes n tokens, in chunks, and fails when ctx ends.
func (b bandwidth) wait(ctx context.Context, n int) error {
	if b.limiter == nil {
		return nil
	}
	for n > 0 {
		k := min(n, b.chunk)
		if err := b.limiter.WaitN(ctx, k); err != nil {
			return err
		}
		n -= k
	}
	return nil
}
