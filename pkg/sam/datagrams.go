package sam

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"i2ptoolkit/pkg/datagram"
	"i2ptoolkit/pkg/destinations"
	"i2ptoolkit/pkg/i2p"
)

// maxSend bounds the SIZE of a datagram on a connection: more is none that could be sent.
const maxSend = 64 << 10

// datagramCommand is DATAGRAM SEND or RAW SEND. It is answered where it fails only, as in versions 1 and 2.
func (c *conn) datagramCommand(ctx context.Context, cmd Command) error {
	head := cmd.Verb + " STATUS"
	size, ok := number(cmd.Args.Get("SIZE"), maxSend)
	if cmd.Sub != "SEND" || !ok || size == 0 {
		c.server.counts.datagramsRefused.Add(1)
		c.say(answer(head, "I2P_ERROR").saying("expected SEND with a SIZE from 1 to %d", maxSend))
		return errDone // where the next line begins is not known
	}
	payload, err := c.in.Bytes(size)
	if err != nil {
		return err
	}
	s, err := c.datagramSession(cmd)
	if err == nil {
		err = s.send(ctx, cmd.Args.Get("DESTINATION"), cmd.Args, payload)
		for errors.Is(err, destinations.ErrBusy) && s.ctx.Err() == nil {
			s.local.Pass()
			err = s.send(ctx, cmd.Args.Get("DESTINATION"), cmd.Args, payload)
		}
	}
	if err == nil {
		if c.unpassed += size; c.unpassed >= passEvery {
			c.unpassed = 0
			s.local.Pass()
		}
		return nil
	}
	c.server.counts.datagramsRefused.Add(1)
	return c.status(head, err)
}

// passEvery is after how much an application waits until what it sent has been passed on: it goes as fast as the
// destination does then, and nothing of a burst has to be dropped.
const passEvery = 64 << 10

// datagramSession is that of an ID, or else the connection's own.
func (c *conn) datagramSession(cmd Command) (*session, error) {
	s := c.session
	if id := cmd.Args.Get("ID"); id != "" {
		if s = c.server.find(id, c.client.User()); s == nil {
			return nil, refuse("INVALID_ID", "there is no session %.64s", id)
		}
	}
	switch {
	case s == nil:
		return nil, refuse("I2P_ERROR", "this connection has no session, and no ID says which is meant")
	case s.packets == nil || (s.style == styleRaw) != (cmd.Verb == "RAW"):
		return nil, refuse("I2P_ERROR", "%.64s is a %s session", s.id, s.style)
	}
	return s, nil
}

// send sends a datagram. The options for session tags and the lease set have no meaning here, and are passed over.
func (s *session) send(ctx context.Context, to string, args Args, payload []byte) error {
	m := datagram.Message{Protocol: s.ports.protocol, Port: s.ports.from, PeerPort: s.ports.to, Payload: payload}
	for _, f := range []struct {
		key string
		to  *uint16
	}{{"FROM_PORT", &m.Port}, {"TO_PORT", &m.PeerPort}} {
		if err := readPort(args, f.key, f.to); err != nil {
			return err
		}
	}
	if s.style == styleRaw {
		if err := readProtocol(args, "PROTOCOL", &m.Protocol); err != nil {
			return err
		}
	}
	var err error
	if m.Peer, err = s.hashOf(ctx, to); err != nil {
		return refuse("INVALID_KEY", "%v", err)
	}
	err = s.packets.WriteMessage(m)
	if err == nil {
		s.server.counts.datagramsOut.Add(1)
	}
	return err
}

// known is a destination as it was written last, and its hash: most applications write to one many times.
type known struct {
	text string
	hash i2p.Hash
}

// hashOf is where a datagram goes: most names say it by themselves.
func (s *session) hashOf(ctx context.Context, to string) (i2p.Hash, error) {
	if last := s.written.Load(); last != nil && last.text == to {
		return last.hash, nil
	}
	name, err := parseName(to)
	if err != nil {
		return i2p.Hash{}, err
	}
	switch name.Kind {
	case i2p.NameDestination, i2p.NameAddress, i2p.NameHash:
		s.written.Store(&known{to, name.Hash})
		return name.Hash, nil
	}
	found, err := s.server.cfg.Resolve(ctx, s.local, name)
	if err != nil {
		return i2p.Hash{}, err
	}
	return found.Hash(), nil
}

// readBatch bounds what is written to an application at once.
const readBatch = 64 << 10

// receive hands on what comes, until the session ends.
func (s *session) receive() {
	var from known
	var out []byte
	for {
		m, err := s.packets.ReadMessage()
		if err != nil {
			return
		}
		s.server.counts.datagramsIn.Add(1)
		if s.style != styleRaw && (m.Peer != from.hash || from.text == "") {
			from = known{sender(m), m.Peer}
		}
		if s.forward != nil {
			out = s.appendForwarded(out[:0], from.text, m)
			if err := s.server.udp.send(out, s.forward); err != nil {
				s.server.counts.datagramsLost.Add(1)
			}
			continue
		}
		out = s.appendReceived(out, from.text, m)
		if len(out) < readBatch && s.packets.Waiting() > 0 {
			continue
		}
		if s.conn.write(out) != nil {
			return
		}
		if out = out[:0]; cap(out) > 2*readBatch {
			out = nil
		}
	}
}

// sender is what stands for the peer: its destination, or of a Datagram3 its hash.
func sender(m datagram.Message) string {
	if m.Protocol == datagram.Datagram3 {
		return m.Peer.String()
	}
	return i2p.EncodeBase64(m.From.Bytes())
}

// appendReceived appends a datagram as the connection gets it (Receiving a Datagram).
func (s *session) appendReceived(b []byte, from string, m datagram.Message) []byte {
	if s.style == styleRaw {
		b = fmt.Appendf(b, "RAW RECEIVED SIZE=%d", len(m.Payload))
	} else {
		b = fmt.Appendf(b, "DATAGRAM RECEIVED DESTINATION=%s SIZE=%d", from, len(m.Payload))
	}
	if s.conn.version >= withPorts {
		b = fmt.Appendf(b, " FROM_PORT=%d TO_PORT=%d", m.PeerPort, m.Port)
		if s.style == styleRaw {
			b = fmt.Appendf(b, " PROTOCOL=%d", m.Protocol)
		}
	}
	return append(append(b, '\n'), m.Payload...)
}

// appendForwarded appends a datagram as it is forwarded (Forwarding Raw or Repliable Datagrams).
func (s *session) appendForwarded(b []byte, from string, m datagram.Message) []byte {
	switch {
	case s.style != styleRaw:
		b = append(b, from...)
		if s.conn.version >= withPorts {
			b = fmt.Appendf(b, " FROM_PORT=%d TO_PORT=%d", m.PeerPort, m.Port)
		}
		b = append(b, '\n')
	case s.ports.header:
		b = fmt.Appendf(b, "FROM_PORT=%d TO_PORT=%d PROTOCOL=%d\n", m.PeerPort, m.Port, m.Protocol)
	}
	return append(b, m.Payload...)
}

// Packet is a datagram that an application sends by UDP: a line, and the payload.
//
//	3.x $nickname $destination [FROM_PORT=nnn] [TO_PORT=nnn] [PROTOCOL=nnn] …
type Packet struct {
	ID, Destination string
	Args            Args
	Payload         []byte
}

var errPacket = errors.New("a datagram begins with 3.x, the ID of a session and a destination")

// ParsePacket reads one. The payload refers to b.
func ParsePacket(b []byte) (Packet, error) {
	line, payload, found := strings.Cut(string(b), "\n")
	if !found || len(line) > maxLine {
		return Packet{}, errPacket
	}
	v, rest := word(line)
	major, _, ok := parseVersion(v)
	id, rest := word(rest)
	destination, rest := word(strings.TrimRight(rest, "\r"))
	if !ok || major != 3 || id == "" || destination == "" {
		return Packet{}, errPacket
	}
	args, err := parseArgs(rest)
	if err != nil {
		return Packet{}, err
	}
	return Packet{id, destination, args, b[len(b)-len(payload):]}, nil
}
