package attack

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/ntcp2"
	"i2ptoolkit/pkg/routerinfo"
)

// dialFunc connects to a router, from whatever address the attacker likes.
type dialFunc func(ctx context.Context, to netip.AddrPort) (net.Conn, error)

// Session is one with a router, which came about as any does.
type Session struct {
	conn     net.Conn
	receiver *ntcp2.Receiver
	in       []byte // read, and not used yet

	mu     sync.Mutex // of what follows
	sender *ntcp2.Sender
	out    []byte
}

const (
	// handshakeTimeout is longer than a router's own.
	handshakeTimeout = 20 * time.Second
	writeTimeout     = 10 * time.Second
)

// OpenSession connects and shakes hands.
func OpenSession(ctx context.Context, dial dialFunc, id *Identity, to *routerinfo.RouterInfo, v6 bool) (s *Session, err error) {
	at, err := reachedAt(to, v6)
	if err != nil {
		return nil, err
	}
	conn, err := dial(ctx, at.AddrPort())
	if err != nil {
		return nil, err
	}
	defer context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })()
	s = &Session{conn: conn}
	if err := s.shake(id, to.Hash(), at); err != nil {
		s.Close()
		return nil, fmt.Errorf("attack: handshake: %w", err)
	}
	return s, nil
}

func (s *Session) shake(id *Identity, to i2p.Hash, at routerinfo.Address) error {
	static, _ := at.StaticKey()
	iv, _ := at.IV()
	s.conn.SetDeadline(time.Now().Add(handshakeTimeout))
	hs := ntcp2.NewInitiator(ntcp2.Config{
		Static: id.NTCP2.Static, NetID: NetID, Info: id.Info.Bytes(), Options: ntcp2.DefaultOptions,
	}, ntcp2.Peer{Hash: to, Static: static, IV: iv})
	m, err := hs.Start(time.Now())
	for err == nil {
		if _, err = s.conn.Write(m); err != nil || hs.Done() {
			break
		}
		if m, err = s.next(hs); err != nil {
			break
		}
	}
	if err != nil {
		return err
	}
	s.conn.SetDeadline(time.Time{})
	r := hs.Result()
	s.sender, s.receiver = r.Sender, r.Receiver
	return nil
}

// next reads until the handshake has a message to answer with.
func (s *Session) next(hs *ntcp2.Handshake) ([]byte, error) {
	for {
		m, used, err := hs.Handle(time.Now(), s.in)
		s.in = s.in[used:]
		if err != nil || len(m) > 0 {
			return m, err
		}
		if used == 0 {
			if err := s.read(); err != nil {
				return nil, err
			}
		}
	}
}

// read waits for more bytes.
func (s *Session) read() error {
	var b [4096]byte
	n, err := s.conn.Read(b[:])
	s.in = append(s.in, b[:n]...)
	if n > 0 {
		return nil
	}
	return err
}

// Send sends messages in one frame, which holds them all. It borrows them.
func (s *Session) Send(messages ...i2np.Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := ntcp2.Begin(s.out[:0])
	for _, m := range messages {
		at := len(b)
		b = ntcp2.EndI2NP(m.AppendShort(ntcp2.BeginI2NP(b)), at)
	}
	s.out = s.sender.Seal(b, 0)
	s.conn.SetWriteDeadline(time.Now().Add(writeTimeout))
	_, err := s.conn.Write(s.out)
	return err
}

// Frame waits for the next frame, and gives each message in it to handle, which
// borrows it.
func (s *Session) Frame(handle func(i2np.Message)) error {
	for {
		payload, used, err := s.receiver.Open(s.in)
		if err != nil {
			return err
		}
		if used == 0 {
			if err := s.read(); err != nil {
				return err
			}
			continue
		}
		s.in = s.in[used:]
		return messagesOf(payload, handle)
	}
}

// messagesOf hands on the messages of a frame. A termination is an error.
func messagesOf(payload []byte, handle func(i2np.Message)) error {
	blocks := ntcp2.Blocks{Payload: payload}
	for {
		block, ok, err := blocks.Next()
		if err != nil || !ok {
			return err
		}
		switch block.Type {
		case ntcp2.BlockI2NP:
			m, err := i2np.ParseShort(block.Data)
			if err != nil {
				return err
			}
			handle(m)
		case ntcp2.BlockTermination:
			t, err := ntcp2.ParseTermination(block.Data)
			if err != nil {
				return err
			}
			return &ntcp2.TerminationError{Reason: t.Reason, Remote: true}
		}
	}
}

// Listen hands on what comes until the session ends, which it does with ctx.
func (s *Session) Listen(ctx context.Context, handle func(i2np.Message)) error {
	defer context.AfterFunc(ctx, s.Close)()
	for {
		if err := s.Frame(handle); err != nil {
			return err
		}
	}
}

// Close ends the session without a word, and leaves nothing of the connection:
// an attacker has many.
func (s *Session) Close() {
	if c, ok := s.conn.(*net.TCPConn); ok {
		c.SetLinger(0)
	}
	s.conn.Close()
}

// messageLife is how long an attacker's messages last.
const messageLife = 8 * time.Second

// message makes one, whose id is the caller's.
func message(kind i2np.Type, id uint32, body []byte) i2np.Message {
	return i2np.Message{Type: kind, ID: id, Expiration: i2p.DateOf(time.Now().Add(messageLife)), Body: body}
}

// keyOf is what a tunnel build is sealed to.
func keyOf(ri *routerinfo.RouterInfo) ([32]byte, error) {
	key, ok := ri.EncryptionKey()
	if !ok {
		return key, fmt.Errorf("attack: %s has no X25519 key", ri.Hash())
	}
	return key, nil
}
