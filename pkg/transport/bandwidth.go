package transport

import (
	"context"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// Bandwidth is a hard limit in one direction over all links: what is written
// waits for its tokens first; what is read is paid for before the next read, so
// that the senders are held back. In any span of T seconds no more than rate*T
// and one burst go out.
type Bandwidth struct {
	limiter atomic.Pointer[rate.Limiter] // nil is no limit
}

const (
	minChunk = 2 << 10
	maxChunk = 128 << 10
)

// set changes the limit; 0 is none. Who waits already waits by the old one.
func (b *Bandwidth) set(bytesPerSecond int) {
	if bytesPerSecond <= 0 {
		b.limiter.Store(nil)
		return
	}
	chunk := min(max(bytesPerSecond/8, minChunk), maxChunk)
	b.limiter.Store(rate.NewLimiter(rate.Limit(bytesPerSecond), chunk))
}

// Limited reports whether there is a limit.
func (b *Bandwidth) Limited() bool { return b.limiter.Load() != nil }

// Chunk is the most bytes that are worth asking for at once.
func (b *Bandwidth) Chunk() int {
	if l := b.limiter.Load(); l != nil {
		return l.Burst()
	}
	return maxChunk
}

// Reserve takes n bytes' tokens, Chunk at most, and tells how long they are not there yet. It
// is for who must not wait.
func (b *Bandwidth) Reserve(now time.Time, n int) time.Duration {
	l := b.limiter.Load()
	if l == nil {
		return 0
	}
	return l.ReserveN(now, min(n, l.Burst())).DelayFrom(now)
}

// Wait takes n bytes' tokens, in chunks, and fails when ctx ends.
func (b *Bandwidth) Wait(ctx context.Context, n int) error {
	for n > 0 {
		l := b.limiter.Load()
		if l == nil {
			return nil
		}
		k := min(n, l.Burst())
		if err := l.WaitN(ctx, k); err != nil {
			return err
		}
		n -= k
	}
	return nil
}
