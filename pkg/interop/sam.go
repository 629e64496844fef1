//go:build linux

package interop

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// samID makes session ids unique in this process.
var samID atomic.Int64

// SAMConn is one connection to a SAM bridge; after STREAM CONNECT or ACCEPT it is the stream.
type SAMConn struct {
	*net.TCPConn
	r *bufio.Reader
}

func (c *SAMConn) Read(b []byte) (int, error) { return c.r.Read(b) }

// dialSAM connects to a bridge and says HELLO.
func dialSAM(ctx context.Context, ns *Namespace, addr string) (*SAMConn, error) {
	conn, err := ns.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("interop: SAM: %w", err)
	}
	c := &SAMConn{conn.(*net.TCPConn), bufio.NewReaderSize(conn, 64<<10)}
	if _, err := c.ask(ctx, "HELLO VERSION MIN=3.1 MAX=3.3"); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// ask sends one command and reads its answer; an answer that is not OK is an error.
func (c *SAMConn) ask(ctx context.Context, line string) (map[string]string, error) {
	stop := context.AfterFunc(ctx, func() { c.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if _, err := io.WriteString(c, line+"\n"); err != nil {
		return nil, fmt.Errorf("interop: SAM: %w", errors.Join(ctx.Err(), err))
	}
	answer, err := c.r.ReadString('\n')
	if err != nil {
		return nil, fmt.Errorf("interop: SAM: %w", errors.Join(ctx.Err(), err))
	}
	fields := map[string]string{}
	for _, f := range strings.Fields(answer) {
		if k, v, ok := strings.Cut(f, "="); ok {
			fields[k] = v
		}
	}
	if fields["RESULT"] != "OK" {
		verb, _, _ := strings.Cut(line, " DESTINATION")
		return nil, fmt.Errorf("interop: SAM: %s: %s", verb, strings.TrimSpace(answer))
	}
	return fields, nil
}

// SAMSession is a streaming session: a local destination at an i2pd router.
type SAMSession struct {
	Destination string // public, base64

	ns      *Namespace
	addr    string
	id      string
	control *SAMConn // the session lives as long as this connection
}

// SAMSession opens a session with a transient Ed25519 destination, and
// returns when its tunnels stand, for that is when i2pd answers.
func (r *I2PD) SAMSession(ctx context.Context, options map[string]string) (*SAMSession, error) {
	return samSession(ctx, r.ns, r.SAM(), options)
}

func samSession(ctx context.Context, ns *Namespace, addr string, options map[string]string) (*SAMSession, error) {
	c, err := dialSAM(ctx, ns, addr)
	if err != nil {
		return nil, err
	}
	s := &SAMSession{ns: ns, addr: addr, id: fmt.Sprintf("s%d", samID.Add(1)), control: c}
	line := "SESSION CREATE STYLE=STREAM ID=" + s.id + " DESTINATION=TRANSIENT SIGNATURE_TYPE=7"
	for _, k := range slices.Sorted(maps.Keys(options)) {
		line += " " + k + "=" + options[k]
	}
	if _, err = c.ask(ctx, line); err == nil {
		s.Destination, err = s.lookup(ctx, c, "ME")
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	return s, nil
}

// TunnelOptions are the session options for tunnels of this length both ways.
func TunnelOptions(hops, quantity int) map[string]string {
	h, q := fmt.Sprint(hops), fmt.Sprint(quantity)
	return map[string]string{
		"inbound.length": h, "outbound.length": h, "inbound.quantity": q, "outbound.quantity": q,
		"i2cp.leaseSetEncType": "4",
	}
}

func (s *SAMSession) lookup(ctx context.Context, c *SAMConn, name string) (string, error) {
	f, err := c.ask(ctx, "NAMING LOOKUP NAME="+name)
	if err == nil && f["VALUE"] == "" {
		err = fmt.Errorf("interop: SAM: %s has no VALUE", name)
	}
	return f["VALUE"], err
}

// Lookup resolves a name or a b32 address to a destination.
func (s *SAMSession) Lookup(ctx context.Context, name string) (string, error) {
	c, err := dialSAM(ctx, s.ns, s.addr)
	if err != nil {
		return "", err
	}
	defer c.Close()
	return s.lookup(ctx, c, name)
}

// Connect opens a stream to a destination in base64.
func (s *SAMSession) Connect(ctx context.Context, destination string) (*SAMConn, error) {
	c, err := dialSAM(ctx, s.ns, s.addr)
	if err != nil {
		return nil, err
	}
	if _, err := c.ask(ctx, "STREAM CONNECT ID="+s.id+" DESTINATION="+destination+" SILENT=false"); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// Accept waits for one stream. listening, if not nil, is called when the bridge waits for it.
func (s *SAMSession) Accept(ctx context.Context, listening func()) (*SAMConn, error) {
	c, err := dialSAM(ctx, s.ns, s.addr)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { c.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if _, err = c.ask(ctx, "STREAM ACCEPT ID="+s.id+" SILENT=false"); err == nil {
		if listening != nil {
			listening()
		}
		_, err = c.r.ReadString('\n') // the peer's destination
	}
	if err != nil {
		c.Close()
		return nil, errors.Join(ctx.Err(), err)
	}
	return c, nil
}

// Close ends the session.
func (s *SAMSession) Close() error { return s.control.Close() }
