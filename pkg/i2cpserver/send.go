package i2cpserver

import (
	"context"
	"errors"
	"time"

	"i2ptoolkit/pkg/client"
	"i2ptoolkit/pkg/datagram"
	"i2ptoolkit/pkg/destinations"
	"i2ptoolkit/pkg/i2cp"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/options"
)

var errSession = errors.New("no such session")

// sendMessage sends a payload of the client's.
func (k *connection) sendMessage(m i2cp.SendMessage, flags i2cp.SendFlags, expires i2p.Date) error {
	k.server.messagesIn.Add(1)
	k.server.bytesIn.Add(uint64(len(m.Payload)))
	s := k.sessions[m.Session]
	if s == nil {
		return k.status(m.Session, 0, m.Nonce, i2cp.BadSession)
	}
	id := s.messages.Add(1)
	if state := k.refusal(s, m, expires); state != i2cp.Accepted {
		return k.status(s.id, id, m.Nonce, state)
	}
	if m.Nonce == 0 {
		return k.pass(s, m.To.Hash(), m.Payload, hints(flags, expires))
	}
	if !s.mute {
		if err := k.status(s.id, id, m.Nonce, i2cp.Accepted); err != nil {
			return err
		}
	}
	return k.sendTold(s, m, id, hints(flags, expires))
}

// hints are what a client says of a message. What bits 9 and 10 say of reliability is said by the nonce: they are
// unused.
func hints(flags i2cp.SendFlags, expires i2p.Date) client.Hints {
	send, low := flags.Tags()
	return client.Hints{NoLeaseSet: flags&i2cp.FlagNoLeaseSet != 0, Tags: options.Tags{Send: send, Low: low}, Expires: expires}
}

// refusal is why a message cannot be sent; Accepted: it can.
func (k *connection) refusal(s *session, m i2cp.SendMessage, expires i2p.Date) i2cp.MessageState {
	_, _, err := datagram.ParseHeader(m.Payload)
	switch {
	case err != nil || len(m.Payload) > client.MaxSend:
		return i2cp.BadMessage
	case expires != 0 && expires <= i2p.DateOf(k.server.cfg.Now()):
		return i2cp.MessageExpired
	case m.To.Equal(s.dest.Identity):
		return i2cp.LoopbackDenied
	}
	return i2cp.Accepted
}

// pass has the destination send a payload. Where that has too much to send, it waits, and the client with it.
func (k *connection) pass(s *session, to i2p.Hash, payload []byte, h client.Hints) error {
	for {
		err := s.local.SendHinted(to, payload, h)
		switch {
		case errors.Is(err, destinations.ErrBusy):
			s.local.Pass()
		case errors.Is(err, destinations.ErrClosed):
			return err
		default:
			return nil
		}
	}
}

// tellPatience is how long a message may take of which the client wants to know what becomes.
const tellPatience = time.Minute

// sendTold sends a payload, and tells what became of it: as far as this router knows, which is whether there is a
// way to its destination.
func (k *connection) sendTold(s *session, m i2cp.SendMessage, id uint32, h client.Hints) error {
	until := k.server.cfg.Now().Add(tellPatience)
	if h.Expires != 0 && h.Expires.Time().Before(until) {
		until = h.Expires.Time()
	}
	if !k.asking.take() {
		return k.status(s.id, id, m.Nonce, i2cp.OverflowFailure)
	}
	if !k.holdTold(len(m.Payload)) {
		k.asking.give()
		return k.status(s.id, id, m.Nonce, i2cp.OverflowFailure)
	}
	payload := append([]byte(nil), m.Payload...)
	k.telling.Go(func() {
		defer k.asking.give()
		defer k.releaseTold(len(payload))
		ctx, cancel := context.WithDeadline(k.listens, until)
		defer cancel()
		to := m.To.Hash()
		state := i2cp.GuaranteedSuccess
		_, err := s.local.Lookup(ctx, to)
		switch {
		case k.listens.Err() != nil: // it was accepted, and waits for its way as those do of which nothing is to be told
			err = k.pass(s, to, payload, h)
		case err == nil:
			err = s.local.SendHinted(to, payload, h)
		}
		if err != nil {
			state = failure(err)
		}
		k.status(s.id, id, m.Nonce, state)
	})
	return nil
}

// maxTold is how many bytes of such messages one connection may have under way: what it is to be told, and payloads for
// it, have the rest of its memory.
const maxTold = 1 << 20

func (k *connection) holdTold(n int) bool {
	if k.told.Add(int64(n)) <= maxTold && k.Hold(n) {
		return true
	}
	k.told.Add(int64(-n))
	return false
}

func (k *connection) releaseTold(n int) {
	k.told.Add(int64(-n))
	k.Release(n)
}

// failure is the word for what went wrong.
func failure(err error) i2cp.MessageState {
	for _, is := range []struct {
		err   error
		state i2cp.MessageState
	}{
		{destinations.ErrEncryption, i2cp.UnsupportedEncryption},
		{destinations.ErrLeaseSet, i2cp.MetaLeaseSet},
		{destinations.ErrLocked, i2cp.BadLeaseSet},
		{destinations.ErrNoTunnels, i2cp.NoLocalTunnels},
		{destinations.ErrBusy, i2cp.OverflowFailure},
		{destinations.ErrClosed, i2cp.BadSession},
		{destinations.ErrStopped, i2cp.RouterFailure},
		{destinations.ErrUnreachable, i2cp.NetworkFailure},
		{destinations.ErrTimeout, i2cp.MessageExpired},
		{destinations.ErrNotFound, i2cp.NoLeaseSet},
	} {
		if errors.Is(err, is.err) {
			return is.state
		}
	}
	return i2cp.GuaranteedFailure
}

// status tells what became of a message, where the client wants to know.
func (k *connection) status(session i2cp.SessionID, id, nonce uint32, state i2cp.MessageState) error {
	if state != i2cp.Accepted && state != i2cp.GuaranteedSuccess {
		k.server.count(func(s *Stats) { s.Failed++ })
	}
	if nonce == 0 {
		return nil
	}
	return k.send(i2cp.MessageStatus{Session: session, ID: id, State: state, Nonce: nonce})
}

// deliver is called by the destination with what came for it.
func (k *connection) deliver(s *session, framed []byte) {
	m := i2cp.MessagePayload{Session: s.id, ID: s.messages.Add(1), Payload: framed}
	if !k.out.add(m, maxUnread) {
		k.server.overflowed.Add(1)
		return
	}
	k.server.messagesOut.Add(1)
	k.server.bytesOut.Add(uint64(len(framed)))
}
