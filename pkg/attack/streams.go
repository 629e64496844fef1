package attack

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/control/client"
)

// Streams are opened to a destination, by one destination of the attacker's, and kept.
// What they hold out for is that the service behind it does not read them.
type Streams struct {
	Router *client.Client // the attacker's own
	To     string
	Count  int
	Write  bool // as much as they take; else they are idle
	counts
}

// First bytes of a stream to a Service.
const (
	firstServe = 's' // the measuring protocol follows
	firstHold  = 'h' // nothing more is read
)

// Run is Attack's.
func (a *Streams) Run(ctx context.Context) {
	again(ctx, time.Second, func() {
		s, err := a.Router.Open(ctx, control.Open{Options: lightTunnels()})
		if err != nil {
			a.outcome("destinations", err)
			return
		}
		defer s.Close()
		slots := make(chan struct{}, 64)
		var wg sync.WaitGroup
		for range a.Count {
			wg.Go(func() {
				again(ctx, 2*time.Second, func() { a.outcome("streams", a.hold(ctx, slots, s)) })
			})
		}
		wg.Wait()
	})
}

// hold keeps one stream until it breaks off. It is a failure where it is not even opened.
func (a *Streams) hold(ctx context.Context, slots chan struct{}, s *client.Session) error {
	stream, err := a.open(ctx, slots, s)
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { stream.Close() })()
	defer stream.Close()
	a.add("streams open", 1)
	defer a.add("streams open", -1)
	for piece := make([]byte, 32<<10); a.Write; {
		n, err := stream.Write(piece)
		a.add("bytes", n)
		if err != nil {
			return nil
		}
	}
	io.Copy(io.Discard, stream)
	return nil
}

var errSlots = errors.New("attack: it is over")

func (a *Streams) open(ctx context.Context, slots chan struct{}, s *client.Session) (*client.Stream, error) {
	select {
	case slots <- struct{}{}:
		defer func() { <-slots }()
	case <-ctx.Done():
		return nil, errSlots
	}
	stream, err := s.Connect(ctx, control.Connect{Destination: a.To, TimeoutMillis: probeLimit.Milliseconds()})
	if err != nil {
		return nil, err
	}
	if _, err := stream.Write([]byte{firstHold}); err != nil {
		stream.Close()
		return nil, err
	}
	return stream, nil
}

// lightTunnels asks for one tunnel each way.
func lightTunnels() map[string]string {
	return map[string]string{"inbound.quantity": "1", "outbound.quantity": "1"}
}
