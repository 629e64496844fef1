package bob

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"i2ptoolkit/pkg/forward/splice"
)

const (
	// acceptPause is how long no connection is taken after one could not be, for want of descriptors most likely.
	acceptPause = 100 * time.Millisecond
	dialTime    = 10 * time.Second // for the local server
)

// place takes a place for a stream, until leave.
func (r *run) place() (leave func(), ok bool) {
	select {
	case r.places <- struct{}{}:
		r.s.count(func(st *Stats) { st.Streams++ })
		return func() {
			<-r.places
			r.s.count(func(st *Stats) { st.Streams-- })
		}, true
	default:
		r.s.count(func(st *Stats) { st.Refused.Streams++ })
		return nil, false
	}
}

// inbound takes the programs that say whom they want.
func (r *run) inbound(ctx context.Context) {
	for {
		c, err := r.in.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			select {
			case <-time.After(acceptPause):
				continue
			case <-ctx.Done():
				return
			}
		}
		leave, ok := r.place()
		if !ok {
			splice.Break(c)
			continue
		}
		r.all.Go(func() { r.join(ctx, c, leave) })
	}
}

// join connects a program with whom it names on its first line. Its place is free before it sees the end.
func (r *run) join(ctx context.Context, c net.Conn, leave func()) {
	leave = sync.OnceFunc(leave)
	defer leave()
	stop := context.AfterFunc(ctx, func() { c.Close() })
	c.SetDeadline(time.Now().Add(r.s.cfg.Limits.Say))
	host, err := firstLine(c)
	c.SetDeadline(time.Time{})
	if err != nil {
		r.s.count(func(st *Stats) { st.Refused.Addresses++ })
		stop()
		leave()
		c.Close()
		return
	}
	stream, err := r.local.Dial(ctx, host)
	if !stop() { // the tunnel has ended
		if err == nil {
			splice.Break(stream)
		}
		return
	}
	if err != nil {
		r.s.count(func(st *Stats) { st.Failed++ })
		c.SetDeadline(time.Now().Add(dialTime))
		c.Write([]byte("ERROR " + err.Error() + "\n"))
		leave()
		c.Close()
		return
	}
	splice.Both(ctx, c, stream, new(splice.Count))
}

var errAddress = errors.New("no address came on a line of its own")

// firstLine reads a line and nothing of what follows it, which is the peer's: hence byte by byte.
func firstLine(c net.Conn) (string, error) {
	line := make([]byte, 0, 600) // most destinations have 524
	for len(line) < maxAddress {
		n, err := c.Read(line[len(line) : len(line)+1])
		if err != nil {
			return "", err
		}
		if line = line[:len(line)+n]; n == 1 && line[len(line)-1] == '\n' {
			return strings.TrimSpace(string(line)), nil
		}
		if len(line) == cap(line) {
			line = append(line, 0)[:len(line)]
		}
	}
	return "", errAddress
}

// outbound joins peers to the local server.
func (r *run) outbound(ctx context.Context) {
	to := netip.AddrPortFrom(r.set.outAddr, r.set.outPort).String()
	dialer := net.Dialer{Timeout: dialTime}
	for {
		stream, peer, err := r.local.Accept(ctx)
		if err != nil {
			return
		}
		leave, ok := r.place()
		if !ok {
			splice.Break(stream)
			continue
		}
		r.all.Go(func() {
			defer leave()
			c, err := dialer.DialContext(ctx, "tcp", to)
			if err == nil && !r.set.quiet {
				c.SetWriteDeadline(time.Now().Add(dialTime))
				if _, err = c.Write([]byte(peer.Base64() + "\n")); err != nil {
					c.Close()
				}
				c.SetWriteDeadline(time.Time{})
			}
			if err != nil {
				r.s.count(func(st *Stats) { st.Failed++ })
				splice.Break(stream)
				return
			}
			splice.Both(ctx, c, stream, new(splice.Count))
		})
	}
}
