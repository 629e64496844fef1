package main

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"i2ptoolkit/pkg/cli"
)

// maxConnections is how many local connections have streams at once; further ones wait.
const maxConnections = 512

// serve connects all that comes to the sockets that we were activated for, each by a stream of
// its own, until it is told to stop, or nothing has come for as long as --exit-idle says.
func (d *dialer) serve(ctx context.Context, listeners []net.Listener) error {
	cli.Serve(d.c)
	closeAll := func() {
		for _, l := range listeners {
			l.Close()
		}
	}
	stop := context.AfterFunc(ctx, closeAll)
	defer stop()
	idle := newIdleness(d.c.Duration("exit-idle"), closeAll)
	slots := make(chan struct{}, maxConnections)
	var accepting sync.WaitGroup
	for _, l := range listeners {
		accepting.Go(func() { d.acceptAll(ctx, l, slots, idle) })
	}
	accepting.Wait()
	return nil
}

// acceptAll takes the connections of one socket until that is closed, and waits for them.
func (d *dialer) acceptAll(ctx context.Context, l net.Listener, slots chan struct{}, idle *idleness) {
	var connected sync.WaitGroup
	defer connected.Wait()
	var b backoff
	for {
		conn, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // too many files, or a connection that went before it was taken
			cli.Warnf(d.c, "%v", err)
			pause(ctx, b.pause())
			continue
		}
		b = backoff{}
		idle.begin()
		slots <- struct{}{}
		connected.Go(func() {
			defer func() { <-slots }()
			defer idle.end()
			defer conn.Close()
			d.connect(ctx, conn)
		})
	}
}

// connect gives a local connection a stream. Where there is none, it is reset: once that has been told, as who sees the
// reset may end us.
func (d *dialer) connect(ctx context.Context, conn net.Conn) {
	tell := func(err error) {
		if err != nil && ctx.Err() == nil {
			cli.Warnf(d.c, "connection: %v", err)
		}
	}
	end, err := connection(conn)
	if err != nil {
		tell(err)
		return
	}
	stream, err := d.dial(ctx)
	if err != nil {
		tell(err)
		end.abort()
		return
	}
	defer stream.Close()
	_, err = d.carry(ctx, stream, end)
	tell(err)
}

// idleness calls for the end when there was nothing to do for a while.
type idleness struct {
	limit time.Duration // 0: never
	timer *time.Timer

	mu   sync.Mutex
	busy int
}

func newIdleness(limit time.Duration, end func()) *idleness {
	i := &idleness{limit: limit}
	if limit > 0 {
		i.timer = time.AfterFunc(limit, end)
	}
	return i
}

func (i *idleness) begin() {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.busy++; i.timer != nil {
		i.timer.Stop()
	}
}

func (i *idleness) end() {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.busy--; i.timer != nil && i.busy == 0 {
		i.timer.Reset(i.limit)
	}
}
