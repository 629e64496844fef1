//go:build linux

package interop

import (
	"context"
	"fmt"
	"time"
)

// Measurement is what one run over one stream gave. CPU is that of all routers
// of the network together, not of the programs at the ends.
type Measurement struct {
	RTT      time.Duration // median of several
	Up, Down float64       // MB (1e6 bytes) per second
	CPU      float64       // ms per MB, mean of both directions
}

// Measure runs pings and size bytes each way over a stream whose other end Serves.
func (n *Network) Measure(ctx context.Context, s Stream, pings, size int) (m Measurement, err error) {
	if m.RTT, err = Pings(ctx, s, pings); err != nil {
		return m, err
	}
	cpu := n.CPU()
	timed := func(f func(context.Context, Stream, int) error) (float64, error) {
		start := time.Now()
		err := f(ctx, s, size)
		return float64(size) / 1e6 / time.Since(start).Seconds(), err
	}
	if m.Up, err = timed(Upload); err != nil {
		return m, err
	}
	if m.Down, err = timed(Download); err != nil {
		return m, err
	}
	m.CPU = float64((n.CPU() - cpu).Milliseconds()) / (2 * float64(size) / 1e6)
	return m, nil
}

func (m Measurement) String() string {
	return fmt.Sprintf("RTT %v, %.2f MB/s up, %.2f MB/s down, %.0f ms CPU per MB", m.RTT.Round(10*time.Microsecond), m.Up, m.Down, m.CPU)
}
