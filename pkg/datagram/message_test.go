package datagram

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/sign"
)

// misdirected is a Datagram2 as i2pd makes it: signed over its sender's own hash.
func misdirected(t testing.TB, keys *i2p.PrivateKeys, payload []byte) []byte {
	t.Helper()
	body, err := AppendDatagram2(nil, keys, keys.Destination().Hash(), nil, payload)
	if err != nil {
		t.Fatal(err)
	}
	return Header{Protocol: Datagram2, From: 2, To: 1}.AppendStored(nil, body)
}

// TestMisdirected: a signature that names the sender and not us is worth as much as the session that
// it came in: whoever got one could replay it.
func TestMisdirected(t *testing.T) {
	for name, keys := range senders(t) {
		from, b := keys.Destination().Hash(), misdirected(t, keys, []byte("hello"))
		m, err := Receiver{Own: target, Now: present, Session: from}.Parse(b)
		if err != nil || !m.Misdirected || !m.Proven || m.Peer != from || string(m.Payload) != "hello" {
			t.Errorf("%s: in its sender's session: %+v, %v", name, m, err)
		}
		for _, session := range []i2p.Hash{{}, {9}, target} {
			if m, err := (Receiver{Own: target, Now: present, Session: session}).Parse(b); !errors.Is(err, ErrSignature) || m.Payload != nil {
				t.Errorf("%s: in the session of %v: %+v, %v", name, session, m, err)
			}
		}
		b[len(b)-10] ^= 1
		if _, err := (Receiver{Own: target, Now: present, Session: from}).Parse(b); err == nil {
			t.Errorf("%s: changed, and taken", name)
		}
	}
}

// TestProven: who sent a Datagram3 is known where the session is that destination's, and only there.
func TestProven(t *testing.T) {
	from := i2p.Hash{7}
	b, err := Message{Protocol: Datagram3, Payload: []byte("x")}.AppendFrom(nil, nil, from)
	if err != nil {
		t.Fatal(err)
	}
	for session, want := range map[i2p.Hash]bool{from: true, {}: false, {8}: false} {
		if m, err := (Receiver{Own: target, Now: present, Session: session}).Parse(b); err != nil || m.Proven != want || m.Peer != from {
			t.Errorf("in the session of %v: %+v, %v", session, m, err)
		}
	}
	if b, err = (Message{Protocol: Datagram3}).AppendFrom(nil, nil, i2p.Hash{}); err != nil {
		t.Fatal(err)
	}
	if m, err := (Receiver{Own: target, Now: present}).Parse(b); err != nil || m.Proven {
		t.Errorf("from nobody, in nobody's session: %+v, %v", m, err)
	}
	raw, err := Message{Protocol: Raw}.AppendFrom(nil, nil, from)
	if err != nil {
		t.Fatal(err)
	}
	if m, err := (Receiver{Own: target, Now: present, Session: from}).Parse(raw); err != nil || m.Proven || !m.Peer.IsZero() {
		t.Errorf("raw: %+v, %v", m, err)
	}
}

// TestSizes: the longest payload of each kind is sent and read again, whatever is in it; a byte more
// is refused by an error that says how long it was, and how long it may be.
func TestSizes(t *testing.T) {
	junk := make([]byte, MaxFramed)
	rand.NewChaCha8([32]byte{1}).Read(junk)
	for name, keys := range senders(t) {
		for _, protocol := range Protocols {
			for _, options := range []i2p.Mapping{nil, said} {
				if options != nil && protocol < Datagram2 {
					continue
				}
				m := Message{Protocol: protocol, Peer: target, Options: options}
				if protocol == Repliable && keys.Offline != nil {
					m.Payload = junk
					if _, err := m.AppendFrom(nil, keys, i2p.Hash{}); !errors.Is(err, ErrOffline) {
						t.Errorf("%s: %v", name, err)
					}
					continue
				}
				room := m.MaxPayload(keys)
				m.Payload = junk[:room]
				b, err := m.AppendFrom(nil, keys, keys.Destination().Hash())
				if err != nil || len(b) > MaxFramed {
					t.Fatalf("%s, %s: %d bytes became %d: %v", name, Name(protocol), room, len(b), err)
				}
				if len(b) != MaxFramed {
					t.Errorf("%s, %s: %d bytes became %d, and %d have room", name, Name(protocol), room, len(b), MaxFramed)
				}
				if got, err := (Receiver{Own: target, Now: present}).Parse(b); err != nil || !bytes.Equal(got.Payload, m.Payload) {
					t.Errorf("%s, %s: %d bytes came back: %v", name, Name(protocol), len(got.Payload), err)
				}
				m.Payload = junk[:room+1]
				var size SizeError
				if _, err := m.AppendFrom(nil, keys, i2p.Hash{}); !errors.As(err, &size) || size != (SizeError{protocol, room + 1, room}) {
					t.Errorf("%s, %s: %v", name, Name(protocol), err)
				}
			}
		}
	}
	if text := (SizeError{Datagram3, 5, 4}).Error(); !strings.Contains(text, "5 bytes") || !strings.Contains(text, "room for 4") {
		t.Error(text)
	}
}

func TestNames(t *testing.T) {
	for _, protocol := range Protocols {
		if got, err := ParseName(Name(protocol)); err != nil || got != protocol {
			t.Errorf("%d is called %s: %d, %v", protocol, Name(protocol), got, err)
		}
	}
	for _, bad := range []string{"", "Raw", "17", Name(Streaming)} {
		if _, err := ParseName(bad); !errors.Is(err, ErrProtocol) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// FuzzReceiver: whatever comes framed, in whosever session, is a datagram of a known kind or an error
// with nothing beside it, and says that it is proven for one of two reasons.
func FuzzReceiver(f *testing.F) {
	keys := keysOf(f, sign.EdDSA_SHA512_Ed25519)
	own := keys.Destination().Hash()
	for _, protocol := range Protocols {
		m := Message{Protocol: protocol, Peer: target, Port: 1, PeerPort: 2, Payload: []byte("hello")}
		if protocol >= Datagram2 {
			m.Options = said
		}
		b, err := m.AppendFrom(nil, keys, own)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, true)
		f.Add(b[:len(b)-3], false)
	}
	f.Add(misdirected(f, keys, []byte("x")), true)
	f.Fuzz(func(t *testing.T, b []byte, inSession bool) {
		r := Receiver{Own: target, Now: present}
		if inSession {
			r.Session = own
		}
		m, err := r.Parse(b)
		if err != nil {
			if m.Payload != nil || m.Options != nil || m.Proven || !m.Peer.IsZero() {
				t.Fatalf("%+v beside %v", m, err)
			}
			return
		}
		if !Known(m.Protocol) || len(m.Payload) > MaxPayload {
			t.Fatalf("%+v", m)
		}
		if m.Proven != (m.Signed() || m.Protocol == Datagram3 && inSession && m.Peer == own) || m.Misdirected && (!inSession || m.Peer != own) {
			t.Errorf("%+v in session: %t", m, inSession)
		}
	})
}
