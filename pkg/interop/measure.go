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

// SAMPair opens a session at each of two routers and a stream from b to a,
// whose end at a Serves until the stream is closed.
func (n *Network) SAMPair(ctx context.Context, a, b *I2PD, options map[string]string) (s *SAMConn, end func(), err error) {
	return n.samPair(ctx, a, b, options, Serve)
}

// samPair is SAMPair with another way to serve.
func (n *Network) samPair(ctx context.Context, a, b *I2PD, options map[string]string, serve func(Stream) error) (s *SAMConn, end func(), err error) {
	type opened struct {
		s   *SAMSession
		err error
	}
	first := make(chan opened, 1)
	go func() {
		s, err := n.SAMSession(ctx, a, options)
		first <- opened{s, err}
	}()
	sb, err := n.SAMSession(ctx, b, options)
	oa := <-first
	sa := oa.s
	closeBoth := func() {
		if sa != nil {
			sa.Close()
		}
		if sb != nil {
			sb.Close()
		}
	}
	if err == nil {
		err = oa.err
	}
	if err != nil {
		closeBoth()
		return nil, nil, err
	}
	listening := make(chan struct{})
	served := make(chan error, 1)
	acceptCtx, cancel := context.WithCancel(ctx)
	go func() {
		c, err := sa.Accept(acceptCtx, func() { close(listening) })
		if err == nil {
			defer c.Close()
			err = serve(c)
		}
		served <- err
	}()
	end = func() {
		if s != nil {
			s.Close()
		}
		closeBoth()
		cancel()
		<-served
	}
	select {
	case <-listening:
	case err := <-served:
		served <- err
		end()
		return nil, nil, fmt.Errorf("interop: accepting: %w", err)
	}
	err = Await(ctx, time.Minute, b.Name+" connects to "+a.Name, func(ctx context.Context) error {
		s, err = sb.Connect(ctx, sa.Destination)
		return err
	})
	if err != nil {
		end()
		return nil, nil, err
	}
	return s, end, nil
}
