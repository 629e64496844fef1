package sockets

import (
	"time"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/streaming"
)

// events is what the engine tells the Host.
type events struct{ h *Host }

func (e events) Accept(ec *streaming.Conn) streaming.Answer {
	h := e.h
	if !h.cfg.Allows(ec.Remote().Hash()) {
		return streaming.Refuse
	}
	port, _ := ec.Ports()
	h.mu.Lock()
	l := h.listeners[port]
	if l == nil {
		l = h.listeners[0] // port 0 takes what has no listener of its own
	}
	h.mu.Unlock()
	if l == nil && h.now.Sub(h.since) >= settling {
		return streaming.Absent
	}
	if l == nil || len(l.queue) == cap(l.queue) { // only this goroutine fills it
		return streaming.Refuse
	}
	c := h.conn(ec)
	c.encryption = h.encryption(ec)
	close(c.established)
	l.queue <- c
	select {
	case <-l.done: // closed meanwhile: nobody may be there to take it
		l.end()
	default:
	}
	return streaming.Take
}

// settling is how long after a Host begins listeners may still come: until then a port
// without one is not known to have none, and the peer sends its SYN again.
const settling = time.Second

func (e events) Established(ec *streaming.Conn) {
	c := ec.Tag.(*Conn)
	c.halfCloses, c.encryption = ec.HalfCloses(), e.h.encryption(ec)
	close(c.established)
}

func (h *Host) encryption(ec *streaming.Conn) string {
	if h.cfg.Encryption == nil {
		return ""
	}
	return h.cfg.Encryption(ec.Remote().Hash())
}

func (e events) Receive(ec *streaming.Conn, data []byte) {
	c := ec.Tag.(*Conn)
	if c.receive(data) {
		e.h.wake = append(e.h.wake, c)
	}
}

func (e events) Consumed(ec *streaming.Conn) int { return ec.Tag.(*Conn).takeConsumed() }

func (e events) Discard(ec *streaming.Conn) { ec.Tag.(*Conn).discard() }

func (e events) ReceiveEnd(ec *streaming.Conn) {
	c := ec.Tag.(*Conn)
	if c.receiveEnd() {
		e.h.wake = append(e.h.wake, c)
	}
}

func (e events) Writable(ec *streaming.Conn) { e.h.touch(ec.Tag.(*Conn)) }

func (e events) Parted(ec *streaming.Conn) { ec.Tag.(*Conn).finish(nil) }

func (e events) Closed(ec *streaming.Conn, err error) {
	e.h.live--
	ec.Tag.(*Conn).finish(err)
}

func (e events) Quiet(i2p.Hash) { e.h.cfg.Quiet() }

func (e events) Doubt(peer i2p.Hash)   { e.h.cfg.Doubted(peer) }
func (e events) Stalled(peer i2p.Hash) { e.h.cfg.Stalled(peer) }
