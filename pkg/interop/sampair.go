//go:build linux

package interop

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// SAMPair opens a session at each of two routers and a stream from b to a,
// whose end at a serves until the stream is closed.
func SAMPair(ctx context.Context, a, b *I2PD, options map[string]string, serve func(Stream) error) (s *SAMConn, end func(), err error) {
	return samPair(ctx, a.samDoor(), b.samDoor(), options, serve)
}

// doorAt is where a door for programs is, of any router.
type doorAt struct {
	ns   *Namespace
	addr string
}

func (r *I2PD) samDoor() doorAt { return doorAt{r.ns, r.SAM()} }

func samPair(ctx context.Context, a, b doorAt, options map[string]string, serve func(Stream) error) (s *SAMConn, end func(), err error) {
	sa, sb, err := samSessions(ctx, a, b, options)
	if err != nil {
		return nil, nil, err
	}
	stop, err := sa.serve(ctx, serve)
	end = func() {
		if s != nil {
			s.Close()
		}
		sa.Close()
		sb.Close()
		stop()
	}
	if err == nil {
		err = Await(ctx, time.Minute, b.addr+" connects to "+a.addr, func(ctx context.Context) error {
			s, err = sb.Connect(ctx, sa.Destination)
			return err
		})
	}
	if err != nil {
		end()
		return nil, nil, err
	}
	return s, end, nil
}

// samSessions opens a session at each of two routers, side by side.
func samSessions(ctx context.Context, a, b doorAt, options map[string]string) (sa, sb *SAMSession, err error) {
	first := make(chan error)
	go func() {
		var err error
		sa, err = samSession(ctx, a.ns, a.addr, options)
		first <- err
	}()
	sb, err = samSession(ctx, b.ns, b.addr, options)
	if err = errors.Join(<-first, err); err == nil {
		return sa, sb, nil
	}
	for _, s := range []*SAMSession{sa, sb} {
		if s != nil {
			s.Close()
		}
	}
	return nil, nil, err
}

// serve lets one stream be served, and returns when the bridge waits for it.
// stop ends the waiting, and waits for the end of the stream.
func (s *SAMSession) serve(ctx context.Context, serve func(Stream) error) (stop func(), err error) {
	ctx, cancel := context.WithCancel(ctx)
	listening := make(chan struct{})
	served := make(chan struct{})
	var accepting error
	go func() {
		defer close(served)
		c, err := s.Accept(ctx, func() { close(listening) })
		if accepting = err; err == nil {
			serve(c)
			c.Close()
		}
	}()
	stop = func() {
		cancel()
		<-served
	}
	select {
	case <-listening:
		return stop, nil
	case <-served:
		return stop, fmt.Errorf("interop: accepting: %w", accepting)
	}
}
