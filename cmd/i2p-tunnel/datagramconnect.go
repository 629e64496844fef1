package main

import (
	"context"
	"errors"
	"io"
	"time"

	"i2ptoolkit/pkg/cli"
	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/control/client"
	"i2ptoolkit/pkg/datagram"
	"i2ptoolkit/pkg/i2p"
)

// answerTime is how long an answer is waited for once stdin has ended and nothing comes any more.
const answerTime = 10 * time.Second

// datagrams sends what stdin says, and prints what the peer answers.
func (d *dialer) datagrams(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	port, err := d.openPort(ctx)
	if err != nil {
		return err
	}
	defer port.Close()
	defer context.AfterFunc(ctx, func() { port.Close() })()
	remote, err := i2p.ParseDestinationBase64(port.Remote)
	if err != nil {
		return err
	}
	x := &exchange{c: d.c, port: port, peer: remote.Hash(), form: formOf(d.c), active: make(chan struct{}, 1)}
	go x.feed(ctx, d.req.Port, cancel)
	err = x.receive()
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	if wanted := d.c.Int("count"); err == nil && x.came < wanted {
		return cli.Againf("timed out: %d of %d answers came", x.came, wanted)
	}
	return err
}

// openPort opens one that is for the peer alone, as soon as --timeout allows.
func (d *dialer) openPort(ctx context.Context) (*client.Datagrams, error) {
	limit := d.c.Duration("timeout")
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	session, err := d.open(ctx)
	if err != nil {
		return nil, err
	}
	port, err := session.Datagrams(ctx, control.Datagrams{Free: true, Destination: d.req.Destination, TimeoutMillis: limit.Milliseconds()})
	if errors.Is(err, &control.Error{Code: control.NotFound}) && d.name.Kind != i2p.NameHost {
		return nil, cli.WithHint(err, "whoever listens there is down, or has not been published yet")
	}
	return port, timedOut(err, "no way to "+address(d.name))
}

// exchange is what one peer is told, and answers.
type exchange struct {
	c      *cli.Context
	port   *client.Datagrams
	peer   i2p.Hash
	form   form
	active chan struct{} // something was sent, or came
	came   int           // of answers
}

func (x *exchange) touch() {
	select {
	case x.active <- struct{}{}:
	default:
	}
}

// feed sends what stdin says, and ends once it has and no answer comes any more. What goes wrong
// ends all.
func (x *exchange) feed(ctx context.Context, port uint16, fail context.CancelCauseFunc) {
	protocol, pace := protocolOf(x.c), x.c.Duration("interval")
	for first := true; ; first = false {
		m, err := x.form.read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil && !m.Peer.IsZero() && m.Peer != x.peer {
			err = cli.Dataf("stdin: a datagram to another peer, %s", m.Peer.B32())
		}
		if err == nil {
			if m.Peer = x.peer; m.PeerPort == 0 {
				m.PeerPort = port
			}
			if m.Protocol == 0 {
				m.Protocol = protocol
			}
			if !first && pace > 0 && !pause(ctx, pace) {
				return
			}
			err = x.port.Send(m)
		}
		if err != nil {
			fail(err)
			return
		}
		x.touch()
	}
	for silent(ctx, x.active, x.patience()) {
	}
	x.port.Finish() // where it fails, the receiver learns why
}

// patience is how long the peer is waited for after the end of stdin.
func (x *exchange) patience() time.Duration {
	if x.c.IsSet("q") {
		return x.c.Duration("q")
	}
	return answerTime
}

// silent waits until nothing has happened for so long, and reports whether something has.
func silent(ctx context.Context, active <-chan struct{}, limit time.Duration) bool {
	if limit <= 0 {
		return false
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-active:
		return true
	case <-timer.C:
	case <-ctx.Done():
	}
	return false
}

// receive prints what the peer says until the exchange has ended, or --count have come. Anybody who guesses the port can
// send to it: what says to be from others is passed over.
func (x *exchange) receive() error {
	for strangers := 0; ; {
		m, err := x.port.Receive()
		if errors.Is(err, io.EOF) {
			tellLost(x.c, x.port, strangers)
			return nil
		}
		if err != nil {
			return err
		}
		if m.Protocol != datagram.Raw && (m.Peer != x.peer || !m.Proven) {
			strangers++
			continue
		}
		x.touch()
		if err := x.form.write(m); err != nil {
			return err
		}
		if x.came++; x.came == x.c.Int("count") {
			return nil
		}
	}
}

// tellLost says what came and was not printed, where anything was.
func tellLost(c *cli.Context, port *client.Datagrams, strangers int) {
	r, last := port.Report()
	if last {
		cli.Verbosef(c, "%d datagrams sent, %d received", r.Sent, r.Received)
	}
	for _, loss := range []struct {
		n    uint64
		what string
	}{
		{r.Dropped, "came faster than they were printed"},
		{r.Malformed, "made no sense"},
		{r.BadSignature, "had a bad signature"},
		{r.Expired, "had an offline signature that has expired"},
		{uint64(strangers), "were not known to be from the peer"},
	} {
		if loss.n > 0 {
			cli.Warnf(c, "%d datagrams %s", loss.n, loss.what)
		}
	}
}
