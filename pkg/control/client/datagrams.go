package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync"

	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/datagram"
)

// Datagrams is a port of a session for datagrams.
type Datagrams struct {
	Port   uint16 // ours
	Remote string // the destination that was named, I2P base64

	conn    io.ReadWriteCloser
	end     func() error
	session *Session

	mu  sync.Mutex // guards writes
	out []byte     // scratch

	in     []byte // scratch, of the reader
	report control.DatagramReport
	told   bool // report is the last one
}

// Datagrams opens a port for datagrams.
func (s *Session) Datagrams(ctx context.Context, req control.Datagrams) (*Datagrams, error) {
	up, err := s.upgrade(ctx, "datagrams", control.UpgradeDatagrams, req)
	if err != nil {
		return nil, err
	}
	port, err := strconv.ParseUint(up.header.Get(control.HeaderPort), 10, 16)
	if err != nil {
		up.conn.Close()
		return nil, control.Errorf(control.Internal, "the router's answer names no port")
	}
	return &Datagrams{
		Port: uint16(port), Remote: up.header.Get(control.HeaderDestination),
		conn: struct {
			io.Reader
			io.WriteCloser
		}{up.early, up.conn},
		end: up.conn.CloseWrite, session: s,
	}, nil
}

// Send sends a datagram: to Remote where it names no peer. What the router does not send, Receive
// tells.
func (d *Datagrams) Send(m datagram.Message) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	b, err := control.AppendDatagram(d.out[:0], m)
	if err != nil {
		return err
	}
	d.out = b
	if _, err = d.conn.Write(b); err != nil {
		return d.broken(err)
	}
	return nil
}

// Unsent is why the router did not send a datagram.
type Unsent struct{ Cause *control.Error }

func (u *Unsent) Error() string { return u.Cause.Error() }

func (u *Unsent) Unwrap() error { return u.Cause }

// Receive waits for a datagram, whose payload is good until the next call. After an *Unsent there may
// be more; io.EOF follows Finish.
func (d *Datagrams) Receive() (datagram.Message, error) {
	for {
		b, err := control.ReadFrame(d.conn, d.in)
		if err != nil {
			return datagram.Message{}, d.broken(err)
		}
		d.in = b[:0]
		m, report, err := control.ParseFrame(b)
		switch {
		case err != nil:
			return datagram.Message{}, fmt.Errorf("%w: %w", ErrNoRouter, err)
		case report == nil:
			return m, nil
		}
		d.report, d.told = *report, report.Last
		switch {
		case report.Last && report.Error != nil:
			return datagram.Message{}, report.Error
		case report.Last:
			return datagram.Message{}, io.EOF
		case report.Error != nil:
			return datagram.Message{}, &Unsent{report.Error}
		}
	}
}

// Finish ends the sending. The router passes on what it has, and then Receive ends.
func (d *Datagrams) Finish() error { return d.end() }

// Report is what the router told last, and whether that was all that it has to tell. It is the
// reader's.
func (d *Datagrams) Report() (control.DatagramReport, bool) { return d.report, d.told }

// Close gives the port up.
func (d *Datagrams) Close() error { return d.conn.Close() }

// broken says why the connection broke: because the session ended, where it did.
func (d *Datagrams) broken(err error) error {
	select {
	case <-d.session.done:
		return d.session.Err()
	default:
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = errors.New("the router closed it")
	}
	return fmt.Errorf("%w: the connection broke: %w", ErrNoRouter, err)
}
