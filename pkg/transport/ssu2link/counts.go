package ssu2link

import (
	"errors"
	"sync/atomic"

	"i2ptoolkit/pkg/ssu2"
	"i2ptoolkit/pkg/ssu2/session"
	"i2ptoolkit/pkg/transport"
)

// counts are what SSU2 counts besides the table.
type counts struct {
	junk, skewed, handshakes, readErrors, writeErrors, overfull atomic.Uint64
	sessions                                                    [13]atomic.Uint64 // of sessions, in the order of names
}

// failed counts a handshake that came to nothing. A peer who refuses it for the clock is believed where what he says of the time
// bears that out.
func (c *counts) failed(err error) {
	var told *ssu2.HandshakeError
	if errors.Is(err, ssu2.ErrClockSkew) || errors.As(err, &told) && told.Skew.Abs() > ssu2.MaxSkew {
		c.skewed.Add(1)
		return
	}
	c.handshakes.Add(1)
}

// names are what is counted of sessions, and how it is said.
var names = [...]struct {
	name, help string
	of         func(*session.Counts) *uint64
}{
	{"forged", "Packets for a session that do not authenticate.", func(c *session.Counts) *uint64 { return &c.Forged }},
	{"duplicates", "Packets that came again, or much too late.", func(c *session.Counts) *uint64 { return &c.Duplicates }},
	{"malformed_blocks", "Packets with blocks that do not parse.", func(c *session.Counts) *uint64 { return &c.Malformed }},
	{"bad_fragments", "Fragments that fit no message.", func(c *session.Counts) *uint64 { return &c.BadFragments }},
	{"fragments_overfull", "Messages in part that gave way to others.", func(c *session.Counts) *uint64 { return &c.Overfull }},
	{"fragments_timed_out", "Messages in part that were not completed in time.", func(c *session.Counts) *uint64 { return &c.TimedOut }},
	{"given_up", "Messages that were given up on their way.", func(c *session.Counts) *uint64 { return &c.Dropped }},
	{"resent", "Messages and fragments that were sent again.", func(c *session.Counts) *uint64 { return &c.Resent }},
	{"moved", "Peers that have changed their address.", func(c *session.Counts) *uint64 { return &c.Moved }},
	{"not_moved", "Addresses that did not prove to be a peer's.", func(c *session.Counts) *uint64 { return &c.NotMoved }},
	{"unanswered", "Path challenges that were not answered.", func(c *session.Counts) *uint64 { return &c.Unanswered }},
	{"marked_in", "Packets that came with the mark of a congested path (ECN).", func(c *session.Counts) *uint64 { return &c.Marked }},
	{"marked_out", "Packets in which peers told of such marks on what we sent.", func(c *session.Counts) *uint64 { return &c.MarksTold }},
}

// wireNames are what is counted of the datagrams of handshakes, and how it is said.
var wireNames = [...]struct {
	name, help string
	of         func(*ssu2.Counts) *uint64
}{
	{"strangers_junk", "Datagrams of strangers that are no message for us.", func(c *ssu2.Counts) *uint64 { return &c.Junk }},
	{"strangers_forged", "Messages of handshakes that do not authenticate.", func(c *ssu2.Counts) *uint64 { return &c.Forged }},
	{"retries", "Retries sent to who had no good token.", func(c *ssu2.Counts) *uint64 { return &c.Retries }},
	{"requests_skewed", "Requests from another time.", func(c *ssu2.Counts) *uint64 { return &c.Skewed }},
	{"requests_replayed", "Requests with an ephemeral key that was seen before.", func(c *ssu2.Counts) *uint64 { return &c.Replayed }},
	{"requests_limited", "Requests above a limit.", func(c *ssu2.Counts) *uint64 { return &c.Limited }},
	{"early_drops", "Packets before the end of a handshake that were not kept.", func(c *ssu2.Counts) *uint64 { return &c.EarlyDrops }},
	{"handshakes_resent", "Messages of handshakes that were sent again.", func(c *ssu2.Counts) *uint64 { return &c.Resent }},
	{"handshakes_done", "Handshakes that came to a session.", func(c *ssu2.Counts) *uint64 { return &c.Established }},
	{"handshakes_ended", "Handshakes that came to none.", func(c *ssu2.Counts) *uint64 { return &c.Failed }},
}

// add counts what has happened to a session since it was last looked at.
func (c *counts) add(now, before session.Counts) {
	for i, n := range names {
		if more := *n.of(&now) - *n.of(&before); more > 0 {
			c.sessions[i].Add(more)
		}
	}
}

// Counters are those of what was refused, repeated and given up.
func (d *Driver) Counters() []transport.Counter {
	c := &d.counts
	out := []transport.Counter{
		{Name: "junk", Help: "Datagrams that no message is in.", Value: c.junk.Load()},
		{Name: "skewed", Help: "Handshakes with a wrong clock.", Value: c.skewed.Load()},
		{Name: "handshakes_failed", Help: "Handshakes that failed otherwise than by a clock.", Value: c.handshakes.Load()},
		{Name: "read_errors", Help: "Reads from a socket that failed.", Value: c.readErrors.Load()},
		{Name: "write_errors", Help: "Writes to a socket that failed.", Value: c.writeErrors.Load()},
		{Name: "overfull", Help: "Messages and RouterInfos that a session had no room for.", Value: c.overfull.Load()},
		{Name: "overrun", Help: "Datagrams that found no room before a socket's loop.", Value: d.overrun()},
	}
	for _, n := range wireNames {
		c := transport.Counter{Name: n.name, Help: n.help}
		for _, s := range d.sockets {
			if w := s.counted.Load(); w != nil {
				c.Value += *n.of(w)
			}
		}
		out = append(out, c)
	}
	if d.desk != nil {
		out = append(out, d.desk.counters()...)
	}
	for i, n := range names {
		out = append(out, transport.Counter{Name: n.name, Help: n.help, Value: c.sessions[i].Load()})
	}
	return out
}

func (d *Driver) overrun() (n uint64) {
	for _, s := range d.sockets {
		n += s.box.Dropped()
	}
	return n
}
