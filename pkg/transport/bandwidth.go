package transport

import (
	"context"

	"golang.org/x/time/rate"
)

// Bandwidth is a hard limit in one direction over all links: what is written
// waits for its tokens first; what is read is paid for before the next read, so
// that the senders are held back. In any span of T seconds no more than rate*T
// and one burst go out. The zero value is no limit.
type Bandwidth struct{ limiter *rate.Limiter }

const (
	minChunk = 2 << 10
	maxChunk = 128 << 10
)

func newBandwidth(bytesPerSecond int) Bandwidth {
	if bytesPerSecond <= 0 {
		return Bandwidth{}
	}
	return Bandwidth{rate.NewLimiter(rate.Limit(bytesPerSecond), min(max(bytesPerSecond/8, minChunk), maxChunk))}
}

// Limited reports whether there is a limit.
func (b Bandwidth) Limited() bool { return b.limiter != nil }

// Chunk is the most bytes that are worth asking for at once.
func (b Bandwidth) Chunk() int {
	if b.limiter == nil {
		return maxChunk
	}
	return b.limiter.Burst()
}

// Wait takes n bytes' tokens, in chunks, and fails when ctx ends.
func (b Bandwidth) Wait(ctx context.Context, n int) error {
	if b.limiter == nil {
		return nil
	}
	for chunk := b.Chunk(); n > 0; {
		k := min(n, chunk)
		if err := b.limiter.WaitN(ctx, k); err != nil {
			return err
		}
		n -= k
	}
	return nil
}
