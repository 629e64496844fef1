package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"time"

	"i2ptoolkit/pkg/cli"
	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/control/client"
	"i2ptoolkit/pkg/datagram"
)

// lastReport bounds how long the router is waited for at the end, to say what was lost.
const lastReport = 2 * time.Second

// errEnough is why it ends once --count have come.
var errEnough = errors.New("enough datagrams have come")

// inbox is a port that takes datagrams, and what becomes of them.
type inbox struct {
	c        *cli.Context
	port     *client.Datagrams
	form     form
	commands sync.WaitGroup
	slots    chan struct{} // of commands

	mu    sync.Mutex       // a leaf
	last  datagram.Message // whom an answer goes to, without payload
	known chan struct{}    // closed once there is one
}

// datagrams takes datagrams, and answers them, until it is told to stop.
func (l *listening) datagrams(ctx context.Context, background *sync.WaitGroup) error {
	req := control.Datagrams{Port: l.port}
	if name := l.c.String("protocol"); name != "" {
		req.Protocols = []string{name}
	}
	port, err := l.session.Datagrams(ctx, req)
	if err != nil {
		return err
	}
	defer port.Close()
	in := &inbox{c: l.c, port: port, form: formOf(l.c), known: make(chan struct{}), slots: make(chan struct{}, maxCommands)}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	ended, active := make(chan struct{}), make(chan struct{}, 1)
	background.Go(func() { in.finish(ctx, ended) })
	background.Go(func() { in.watch(ctx, active, cancel) })
	if l.c.String("exec") == "" {
		go in.answer(ctx, cancel) // its reading of stdin may outlive it
	}
	err = in.receive(active, cancel)
	close(ended)
	tellLost(l.c, port, 0)
	if cause := context.Cause(ctx); errors.Is(cause, errEnough) || l.c.Context.Err() != nil {
		return nil
	} else if cause != nil {
		return cause
	}
	return err
}

// finish ends the port once ctx ends and all answers are sent.
func (in *inbox) finish(ctx context.Context, ended <-chan struct{}) {
	select {
	case <-ctx.Done():
	case <-ended:
		return
	}
	in.commands.Wait()
	in.port.Finish()
	select {
	case <-time.After(lastReport):
		in.port.Close()
	case <-ended:
	}
}

// watch ends the waiting where --timeout says so, and then --idle.
func (in *inbox) watch(ctx context.Context, active <-chan struct{}, fail context.CancelCauseFunc) {
	limit := in.c.Duration("timeout")
	for {
		if limit == 0 {
			limit = cli.Forever
		}
		if !silent(ctx, active, limit) {
			fail(cli.Againf("timed out: no datagram came"))
			return
		}
		limit = in.c.Duration("idle")
	}
}

// receive takes what comes until the port ends.
func (in *inbox) receive(active chan<- struct{}, enough context.CancelCauseFunc) error {
	for n, most := 0, in.c.Int("count"); ; {
		m, err := in.port.Receive()
		var unsent *client.Unsent
		switch {
		case errors.As(err, &unsent):
			cli.Warnf(in.c, "answer: %v", err)
			continue
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case most > 0 && n == most: // it ends already
			continue
		}
		select {
		case active <- struct{}{}:
		default:
		}
		in.note(m)
		if command := in.c.String("exec"); command != "" {
			in.begin(command, m)
		} else if err := in.form.write(m); err != nil {
			return err
		}
		if n++; n == most {
			enough(errEnough)
		}
	}
}

// note remembers from whom a datagram is, for the answers, and says so when that is news.
func (in *inbox) note(m datagram.Message) {
	in.mu.Lock()
	defer in.mu.Unlock()
	before := in.last
	m = datagram.Message{Protocol: m.Protocol, Peer: m.Peer, Port: m.Port, PeerPort: m.PeerPort, Proven: m.Proven}
	if !in.c.Bool("json") && (m.Peer != before.Peer || m.PeerPort != before.PeerPort) {
		cli.Notef(in.c, "from %s", sender(m))
	}
	if m.Peer.IsZero() {
		return
	}
	if in.last = m; before.Peer.IsZero() {
		close(in.known)
	}
}

// sender is from whom a datagram is.
func sender(m datagram.Message) string {
	switch {
	case m.Peer.IsZero():
		return fmt.Sprintf("somebody, port %d", m.PeerPort)
	case !m.Proven:
		return fmt.Sprintf("%s:%d, as it says", m.Peer.B32(), m.PeerPort)
	}
	return fmt.Sprintf("%s:%d", m.Peer.B32(), m.PeerPort)
}

// lastSender waits until there is somebody to answer.
func (in *inbox) lastSender(ctx context.Context) (datagram.Message, bool) {
	select {
	case <-in.known:
	case <-ctx.Done():
		return datagram.Message{}, false
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.last, true
}

// answer sends what stdin says: to whom it says, or else to who was last heard. The end of stdin
// is not the end.
func (in *inbox) answer(ctx context.Context, fail context.CancelCauseFunc) {
	for {
		m, err := in.form.read()
		if errors.Is(err, io.EOF) {
			return
		}
		if err == nil && m.Peer.IsZero() {
			to, ok := in.lastSender(ctx)
			if !ok {
				return
			}
			m = answerTo(to, m)
		}
		if err == nil {
			if m.Protocol == 0 {
				m.Protocol = protocolOf(in.c)
			}
			err = in.port.Send(m)
		}
		if err != nil {
			fail(err)
			return
		}
	}
}

// answerTo addresses an answer: from where the datagram went, to where it came from, and of its kind
// where it says no other.
func answerTo(m, answer datagram.Message) datagram.Message {
	answer.Peer, answer.Port = m.Peer, m.Port
	if answer.PeerPort == 0 {
		answer.PeerPort = m.PeerPort
	}
	if answer.Protocol == 0 {
		answer.Protocol = m.Protocol
	}
	return answer
}

// begin gives a datagram to a command of its own, once there is a free one.
func (in *inbox) begin(command string, m datagram.Message) {
	m.Payload = bytes.Clone(m.Payload)
	in.slots <- struct{}{}
	in.commands.Go(func() {
		defer func() { <-in.slots }()
		if err := in.execute(command, m); err != nil && in.c.Context.Err() == nil {
			cli.Warnf(in.c, "%s: %v", sender(m), err)
		}
	})
}

// execute runs a command with a datagram as its stdin. What it prints is the answer, if anything.
func (in *inbox) execute(command string, m datagram.Message) error {
	peer := ""
	if !m.Peer.IsZero() {
		peer = m.Peer.B32()
	}
	out := &bounded{room: maxLine}
	cmd := exec.CommandContext(in.c.Context, "sh", "-c", command)
	cmd.Env = append(os.Environ(), "I2P_PEER="+peer, fmt.Sprint("I2P_PEER_PORT=", m.PeerPort), fmt.Sprint("I2P_PORT=", m.Port),
		"I2P_PROTOCOL="+datagram.Name(m.Protocol), fmt.Sprint("I2P_PROVEN=", m.Proven))
	cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.WaitDelay = bytes.NewReader(m.Payload), out, os.Stderr, time.Second
	if err := cmd.Run(); err != nil {
		return err
	}
	if len(out.b) == 0 || m.Peer.IsZero() {
		return nil
	}
	return in.port.Send(answerTo(m, datagram.Message{Payload: out.b}))
}

// bounded takes as much as a datagram can have.
type bounded struct {
	b    []byte
	room int
}

func (w *bounded) Write(p []byte) (int, error) {
	if len(w.b)+len(p) > w.room {
		return 0, fmt.Errorf("its answer is longer than the %d bytes that a datagram can have", w.room)
	}
	w.b = append(w.b, p...)
	return len(p), nil
}
