package sam

import (
	"context"
	"net"
	"slices"
	"sync"
	"time"
)

// intake is where the streams of a session come in: to those who wait for one, or to where they are forwarded. While
// there is neither, they are refused; but not in the moment between one who waits and the next.
type intake struct {
	session *session

	mu       sync.Mutex // a leaf
	listener Listener
	waiting  []chan struct{} // whoever waits for a stream, in their order; closed: it is this one's turn
	forwards bool
	rest     *time.Timer // closes the listener that nobody uses
	closed   bool
}

// restTime is how long streams wait for the next ACCEPT.
const restTime = 10 * time.Second

// open gives the listener. The caller has the lock.
func (in *intake) open() (Listener, error) {
	if in.closed {
		return nil, refuse("I2P_ERROR", "the session has ended")
	}
	if in.rest != nil {
		in.rest.Stop()
		in.rest = nil
	}
	if in.listener == nil {
		l, err := in.session.local.Listen(in.session.ports.listenPort)
		if err != nil {
			return nil, err
		}
		in.listener = l
	}
	return in.listener, nil
}

// leave is called once nobody may use the listener any more. The caller has the lock.
func (in *intake) leave() {
	if len(in.waiting) > 0 || in.forwards || in.listener == nil {
		return
	}
	var mine *time.Timer
	mine = time.AfterFunc(restTime, func() {
		in.mu.Lock()
		defer in.mu.Unlock()
		if in.rest == mine && in.listener != nil {
			in.listener.Close()
			in.listener, in.rest = nil, nil
		}
	})
	in.rest = mine
}

// acceptor lets one more wait for a stream. Its place is taken before take is called: who was told OK first gets the
// first stream.
func (in *intake) acceptor() (take func(ctx context.Context) (net.Conn, error), done func(), err error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.forwards {
		return nil, nil, refuse("I2P_ERROR", "the streams of the session are forwarded")
	}
	l, err := in.open()
	if err != nil {
		return nil, nil, err
	}
	turn := make(chan struct{})
	if in.waiting = append(in.waiting, turn); len(in.waiting) == 1 {
		close(turn)
	}
	take = func(ctx context.Context) (net.Conn, error) {
		select {
		case <-turn:
			return l.Accept(ctx)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return take, func() {
		in.mu.Lock()
		defer in.mu.Unlock()
		i := slices.Index(in.waiting, turn)
		in.waiting = slices.Delete(in.waiting, i, i+1)
		if i == 0 && len(in.waiting) > 0 {
			close(in.waiting[0])
		}
		in.leave()
	}, nil
}

// forwarder has all streams go one way.
func (in *intake) forwarder() (l Listener, done func(), err error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	switch {
	case in.forwards:
		return nil, nil, refuse("I2P_ERROR", "the streams of the session are forwarded already")
	case len(in.waiting) > 0:
		return nil, nil, refuse("I2P_ERROR", "somebody waits for a stream of the session by ACCEPT")
	}
	if l, err = in.open(); err != nil {
		return nil, nil, err
	}
	in.forwards = true
	return l, func() {
		in.mu.Lock()
		defer in.mu.Unlock()
		in.forwards = false
		if in.listener == l {
			in.listener.Close()
			in.listener = nil
		}
	}, nil
}

// close ends it for good.
func (in *intake) close() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.closed = true
	if in.rest != nil {
		in.rest.Stop()
	}
	if in.listener != nil {
		in.listener.Close()
		in.listener = nil
	}
}
