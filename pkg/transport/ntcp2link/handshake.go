package ntcp2link

import (
	"context"
	"io"
	"net"

	"i2ptoolkit/pkg/ntcp2"
	"i2ptoolkit/pkg/transport"
)

// carrier carries a handshake over a connection.
type carrier struct {
	host             *transport.Host
	conn             net.Conn
	hs               *ntcp2.Handshake
	in               []byte
	lo, hi           int
	wasAuthenticated bool
}

func newCarrier(h *transport.Host, conn net.Conn, hs *ntcp2.Handshake) *carrier {
	return &carrier{host: h, conn: conn, hs: hs, in: make([]byte, 2<<10)}
}

// step reads what the handshake needs next, and writes what it answers.
func (c *carrier) step(ctx context.Context) error {
	out, err := c.next(ctx)
	if err != nil || len(out) == 0 {
		return err
	}
	return c.write(ctx, out)
}

// next reads what the handshake needs next, and returns its answer.
func (c *carrier) next(ctx context.Context) ([]byte, error) {
	for c.hi-c.lo < c.hs.Need() {
		c.in, c.lo, c.hi = room(c.in, c.lo, c.hi, c.hs.Need())
		n, err := c.conn.Read(c.in[c.hi:])
		c.hi += n
		c.host.Handshake(n, 0)
		if n > 0 {
			if err := c.host.In.Wait(ctx, n); err != nil {
				return nil, err
			}
		} else if err != nil {
			return nil, err
		}
	}
	out, used, err := c.hs.Handle(c.host.Now(), c.in[c.lo:c.hi])
	c.lo += used
	c.wasAuthenticated = c.wasAuthenticated || c.hs.Authenticated()
	return out, err
}

func (c *carrier) write(ctx context.Context, b []byte) error {
	if err := c.host.Out.Wait(ctx, len(b)); err != nil {
		return err
	}
	n, err := c.conn.Write(b)
	c.host.Handshake(0, n)
	return err
}

// rest is what was read and not used.
func (c *carrier) rest() []byte { return c.in[c.lo:c.hi] }

// discard reads n bytes and forgets them, or as many as come.
func discard(conn net.Conn, n int) {
	io.Copy(io.Discard, io.LimitReader(conn, int64(n)))
}
