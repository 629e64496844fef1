package datagram

import (
	"bytes"
	"encoding/hex"
	"errors"
	"slices"
	"testing"
	"time"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/sign"
)

var (
	target  = i2p.Hash{1, 2, 3}
	present = time.Unix(1_750_000_000, 0)
	said    = i2p.Mapping{{Key: "acked", Value: "7"}, {Key: "seqn", Value: "12"}}
)

// senders are destinations with keys of their own, and one whose keys are offline.
func senders(t testing.TB) map[string]*i2p.PrivateKeys {
	t.Helper()
	all := map[string]*i2p.PrivateKeys{
		"Ed25519": keysOf(t, sign.EdDSA_SHA512_Ed25519),
		"P256":    keysOf(t, sign.ECDSA_SHA256_P256),
		"Red":     keysOf(t, sign.RedDSA_SHA512_Ed25519),
	}
	offline, err := keysOf(t, sign.ECDSA_SHA256_P256).NewOfflineKeys(sign.EdDSA_SHA512_Ed25519, uint32(present.Unix())+1, nil)
	if err != nil {
		t.Fatal(err)
	}
	all["offline"] = offline
	return all
}

// TestDatagram2: what one sends to another is read there, and nowhere else; no byte of it can be
// another.
func TestDatagram2(t *testing.T) {
	for name, keys := range senders(t) {
		for _, options := range []i2p.Mapping{nil, said} {
			for _, payload := range [][]byte{{}, []byte("hello")} {
				b, err := AppendDatagram2([]byte("x"), keys, target, options, payload)
				if err != nil {
					t.Fatal(err)
				}
				b = b[1:]
				from, got, body, err := openDatagram2(b, target, present)
				if err != nil || from.Hash() != keys.Destination().Hash() || !slices.Equal(got, options) || !bytes.Equal(body, payload) {
					t.Errorf("%s: %q, %v, %v", name, body, got, err)
				}
				if _, _, _, err := openDatagram2(b, i2p.Hash{9}, present); !errors.Is(err, ErrSignature) {
					t.Errorf("%s: replayed to another: %v", name, err)
				}
				for at := keys.Destination().Len(); at < len(b); at++ {
					bad := bytes.Clone(b)
					bad[at] ^= 1
					if from, _, body, err := openDatagram2(bad, target, present); err == nil || !from.IsZero() || body != nil {
						t.Fatalf("%s: byte %d changed: %v", name, at, err)
					}
				}
			}
		}
	}
}

func TestDatagram2Expired(t *testing.T) {
	b, err := AppendDatagram2(nil, senders(t)["offline"], target, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, _, err := openDatagram2(b, target, present.Add(time.Second)); !errors.Is(err, ErrExpired) {
		t.Error(err)
	}
}

// TestFormat is the layout of the specification, field by field.
func TestFormat(t *testing.T) {
	keys := keysOf(t, sign.EdDSA_SHA512_Ed25519)
	own := keys.Destination()
	const options = "0014" + "05" + "61636b6564" + "3d" + "01" + "37" + "3b" + "04" + "7365716e" + "3d" + "02" + "3132" + "3b"
	hello := hex.EncodeToString([]byte("hello"))

	three, err := AppendDatagram3(nil, own.Hash(), said, []byte("hello"))
	h := own.Hash()
	if got, want := hex.EncodeToString(three), hex.EncodeToString(h[:])+"0013"+options+hello; err != nil || got != want {
		t.Errorf("%s, want %s: %v", got, want, err)
	}
	two, err := AppendDatagram2(nil, keys, target, said, []byte("hello"))
	if err != nil {
		t.Fatal(err)
	}
	between := two[own.Len() : len(two)-64]
	if got, want := hex.EncodeToString(between), "0012"+options+hello; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if !bytes.Equal(two[:own.Len()], own.Bytes()) || !own.Verify(append(target[:], between...), two[len(two)-64:]) {
		t.Error("from, or the signature")
	}
	plain, err := AppendDatagram3(nil, own.Hash(), nil, nil)
	if got, want := hex.EncodeToString(plain), hex.EncodeToString(h[:])+"0003"; err != nil || got != want {
		t.Errorf("%s, want %s: %v", got, want, err)
	}
}

func TestDatagram3(t *testing.T) {
	for _, options := range []i2p.Mapping{nil, said} {
		b, err := AppendDatagram3(nil, target, options, []byte("hello"))
		if err != nil {
			t.Fatal(err)
		}
		from, got, body, err := ParseDatagram3(b)
		if err != nil || from != target || !slices.Equal(got, options) || string(body) != "hello" {
			t.Errorf("%v %v %q %v", from, got, body, err)
		}
	}
	for name, b := range map[string][]byte{
		"no flags": target[:], "half of the hash": target[:16],
		"version 2":   append(bytes.Clone(target[:]), 0, 2),
		"cut options": append(bytes.Clone(target[:]), 0, 0x13, 0, 9),
	} {
		if _, _, _, err := ParseDatagram3(b); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}

// TestMessage: each kind, framed and read again, from whom it is and to which ports.
func TestMessage(t *testing.T) {
	keys := keysOf(t, sign.EdDSA_SHA512_Ed25519)
	own := keys.Destination().Hash()
	for _, protocol := range Protocols {
		sent := Message{Protocol: protocol, Peer: target, Port: 1, PeerPort: 2, Payload: []byte("hello")}
		if protocol >= Datagram2 {
			sent.Options = said
		}
		b, err := sent.AppendFrom(nil, keys, own)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Receiver{Own: target, Now: present}.Parse(b)
		if err != nil || got.Protocol != protocol || got.Port != 2 || got.PeerPort != 1 || string(got.Payload) != "hello" || !slices.Equal(got.Options, sent.Options) {
			t.Errorf("%d: %+v, %v", protocol, got, err)
		}
		if (got.Peer == own) != (protocol != Raw) || got.From.IsZero() == got.Signed() {
			t.Errorf("%d: from %v", protocol, got.Peer)
		}
	}
	if _, err := (Message{Protocol: Streaming}).AppendFrom(nil, keys, own); !errors.Is(err, ErrProtocol) {
		t.Error(err)
	}
	if _, err := (Receiver{Own: own, Now: present}).Parse(Header{Protocol: Streaming}.AppendStored(nil, nil)); !errors.Is(err, ErrProtocol) {
		t.Error(err)
	}
}

func FuzzParseDatagram2(f *testing.F) {
	for _, keys := range senders(f) {
		b, err := AppendDatagram2(nil, keys, target, said, []byte("hello"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
		f.Add(b[:len(b)-10])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		from, options, payload, err := openDatagram2(b, target, present)
		if err != nil {
			if payload != nil || options != nil || !from.IsZero() {
				t.Error("something beside an error")
			}
			return
		}
		rest := b[from.Len()+2:]
		if b[from.Len()+1]&hasOptions != 0 {
			o := options.AppendTo(nil)
			if !bytes.HasPrefix(rest, o) {
				t.Fatal("the options do not come back")
			}
			rest = rest[len(o):]
		}
		if !bytes.Contains(rest, payload) || len(rest) < len(payload)+40 {
			t.Error("the payload is not from there")
		}
	})
}

func FuzzParseDatagram3(f *testing.F) {
	for _, options := range []i2p.Mapping{nil, said} {
		b, err := AppendDatagram3(nil, target, options, []byte("hello"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		from, options, payload, err := ParseDatagram3(b)
		if err != nil {
			if payload != nil || options != nil || !from.IsZero() {
				t.Error("something beside an error")
			}
			return
		}
		back := append(from[:], b[32], b[33])
		if b[33]&hasOptions != 0 {
			back = options.AppendTo(back)
		}
		if back = append(back, payload...); !bytes.Equal(back, b) {
			t.Errorf("%x came back of %x", back, b)
		}
	})
}

// openDatagram2 is what a Receiver does with a datagram of type 2 for the destination to.
func openDatagram2(b []byte, to i2p.Hash, now time.Time) (from i2p.Destination, options i2p.Mapping, payload []byte, err error) {
	d, err := parseDatagram2(b, now)
	if err == nil && !d.verify(to) {
		err = ErrSignature
	}
	if err != nil {
		return i2p.Destination{}, nil, nil, err
	}
	return d.from, d.options, d.payload, nil
}
