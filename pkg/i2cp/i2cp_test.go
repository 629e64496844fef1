package i2cp

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
	"i2ptoolkit/pkg/sign"
)

var present = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func testKeys(t testing.TB) *i2p.PrivateKeys {
	t.Helper()
	k, err := i2p.GenerateDestination(sign.EdDSA_SHA512_Ed25519, i2p.CryptoElGamal, rand.NewChaCha8([32]byte{1}))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// transient are keys that sign for the destination of others for a day.
func transient(t testing.TB, keys *i2p.PrivateKeys) *i2p.PrivateKeys {
	t.Helper()
	key, err := sign.GenerateKey(sign.EdDSA_SHA512_Ed25519, rand.NewChaCha8([32]byte{2}))
	if err != nil {
		t.Fatal(err)
	}
	off, err := i2p.AllowTransient(keys, key, uint32(present.Add(24*time.Hour).Unix()))
	if err != nil {
		t.Fatal(err)
	}
	return off
}

func testConfig(t testing.TB, keys *i2p.PrivateKeys) SessionConfig {
	t.Helper()
	options, err := i2p.NewMapping(map[string]string{"inbound.length": "1", "i2cp.leaseSetEncType": "4,0"})
	if err != nil {
		t.Fatal(err)
	}
	c := SessionConfig{Destination: keys.Destination(), Options: options, Created: i2p.DateOf(present)}
	by := keys.Signing
	if keys.Offline != nil {
		if err := c.SetOffline(keys.Offline.OfflineSignature); err != nil {
			t.Fatal(err)
		}
		by = keys.Offline.Private
	}
	if err := c.Sign(by); err != nil {
		t.Fatal(err)
	}
	return c
}

func testSet(t testing.TB, keys *i2p.PrivateKeys) *leaseset.LeaseSet2 {
	t.Helper()
	set, err := leaseset.Build2(leaseset.Build2Config{
		Keys: keys, EncryptionKeys: []leaseset.EncryptionKey{{Type: i2p.CryptoX25519, Key: make([]byte, 32)}},
		Leases:    []leaseset.Lease{{Gateway: i2p.Hash{9}, TunnelID: 7, Expires: i2p.DateOf(present.Add(10 * time.Minute))}},
		Published: i2p.DateOf(present),
	})
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// messages are one of each type, and more where a body has several forms.
func messages(t testing.TB) []Message {
	keys := testKeys(t)
	set := testSet(t, keys)
	meta, err := leaseset.BuildMeta(leaseset.MetaConfig{
		Keys: keys, Leases: []leaseset.MetaLease{{Hash: i2p.Hash{1}, Type: 3, Cost: 1, Expires: i2p.DateOf(present.Add(time.Hour))}},
		Published: i2p.DateOf(present), Expires: i2p.DateOf(present.Add(time.Hour)),
	})
	if err != nil {
		t.Fatal(err)
	}
	to := keys.Destination()
	send := SendMessage{3, to, []byte("framed"), 77}
	return []Message{
		CreateSession{testConfig(t, keys)},
		CreateSession{testConfig(t, transient(t, keys))},
		ReconfigureSession{2, testConfig(t, keys)},
		DestroySession{5},
		CreateLeaseSet2{5, set, []PrivateKey{{i2p.CryptoX25519, bytes.Repeat([]byte{1}, 32)}, {i2p.CryptoElGamal, make([]byte, 256)}}},
		CreateLeaseSet2{5, meta, nil},
		send,
		SendMessageExpires{send, FlagNoLeaseSet | 3, i2p.DateOf(present)},
		GetBandwidthLimits{},
		SessionStatus{1, SessionCreated},
		MessageStatus{1, 2, Accepted, 3, 4},
		BandwidthLimits{ClientIn: 1, ClientOut: 2, In: 3, InBurst: 4, Out: 5, OutBurst: 6, BurstTime: 7, Undefined: [9]uint32{8: 9}},
		Disconnect{"because"},
		MessagePayload{1, 2, []byte("framed")},
		GetDate{},
		GetDate{Version: "0.9.67"},
		GetDate{Version: "0.9.67", Auth: i2p.Mapping{{Key: KeyUsername, Value: "u"}, {Key: KeyPassword, Value: "p"}}},
		GetDate{Version: "0.9.67", Auth: i2p.Mapping{}},
		SetDate{i2p.DateOf(present), "0.9.67"},
		DestLookup{i2p.Hash{1, 2}},
		DestReply{to, to.Hash()},
		DestReply{Hash: i2p.Hash{4}},
		RequestVariableLeaseSet{1, set.Leases()},
		RequestVariableLeaseSet{Session: 1},
		HostLookup{Session: NoSession, Request: 1, Timeout: 10 * time.Second, Kind: LookupHash, Hash: i2p.Hash{6}},
		HostLookup{Request: 1, Kind: LookupHost, Host: "example.i2p"},
		HostLookup{Request: 1, Kind: LookupHashOptions, Hash: i2p.Hash{6}},
		HostLookup{Request: 1, Kind: LookupHostOptions, Host: "example.i2p"},
		HostLookup{Request: 1, Kind: LookupDestinationOptions, Destination: to},
		HostLookup{Request: 1, Kind: 9, Unknown: []byte("what is to come")},
		HostReply{Session: 1, Request: 2, Result: LookupFound, Destination: to},
		HostReply{Session: 1, Request: 2, Result: LookupFound, Destination: to, Options: i2p.Mapping{}},
		HostReply{Session: 1, Request: 2, Result: LookupKeyNeeded},
		BlindingInfo{Session: 1, Kind: EndpointHash, BlindedType: sign.RedDSA_SHA512_Ed25519, Expires: 9, Hash: i2p.Hash{5}},
		BlindingInfo{Session: 1, Kind: EndpointHost, Host: "example.i2p", HasSecret: true, Secret: "s"},
		BlindingInfo{Session: 1, Kind: EndpointDestination, Destination: to, PerClient: true, Scheme: 1, Key: [32]byte{3}},
		BlindingInfo{Session: 1, Kind: EndpointKey, Signing: to.SigningKey(), PerClient: true, HasSecret: true, Secret: "s"},
	}
}

// equal compares what messages say, and of keys and lease sets the bytes.
func equal(a, b Message) string {
	return cmp.Diff(a, b,
		cmp.Comparer(func(a, b i2p.Destination) bool { return a.Equal(b.Identity) }),
		cmp.Comparer(func(a, b sign.PublicKey) bool { return a.Type() == b.Type() && bytes.Equal(a.Bytes(), b.Bytes()) }),
		cmp.Comparer(func(a, b leaseset.Record) bool { return bytes.Equal(a.Bytes(), b.Bytes()) }),
	)
}

func TestMessages(t *testing.T) {
	seen := make(map[Type]bool)
	for _, m := range messages(t) {
		seen[m.Type()] = true
		framed := Append([]byte("before"), m)[len("before"):]
		kind, body, err := Read(bytes.NewReader(framed), nil)
		if err != nil || kind != m.Type() || !bytes.Equal(body, m.AppendTo(nil)) {
			t.Errorf("%v: read as %v, %d bytes, %v", m.Type(), kind, len(body), err)
			continue
		}
		got, err := Parse(kind, body)
		if err != nil {
			t.Errorf("%+v: %v", m, err)
			continue
		}
		if diff := equal(m, got); diff != "" {
			t.Errorf("%v differs:\n%s", kind, diff)
		}
	}
	for kind := range parsers {
		if !seen[kind] && kind != TypeCreateLeaseSet { // of which none is made here
			t.Errorf("no %v was tried", kind)
		}
	}
}

// TestDamaged: what is cut short or followed by more is no message, unless it is one of another form.
func TestDamaged(t *testing.T) {
	forms := make(map[string]bool)
	for _, m := range messages(t) {
		forms[string(m.AppendTo([]byte{byte(m.Type())}))] = true
	}
	for _, m := range messages(t) {
		body := m.AppendTo(nil)
		for n := range body {
			if forms[string(append([]byte{byte(m.Type())}, body[:n]...))] {
				continue
			}
			if _, ok := m.(HostLookup); ok && len(body) > 10 && body[10] == 9 && n > 10 {
				continue // of what is unknown nobody knows the end
			}
			if m.Type() == TypeDestReply && n == i2p.HashLen {
				continue // the hash of one that was not found
			}
			if got, err := Parse(m.Type(), body[:n]); err == nil || got != nil {
				t.Errorf("%v: %d of %d bytes are taken: %+v, %v", m.Type(), n, len(body), got, err)
				break
			}
		}
		if _, ok := m.(HostLookup); ok {
			continue
		}
		if got, err := Parse(m.Type(), append(body, 0xff)); err == nil || got != nil {
			t.Errorf("%v: a byte too many is taken: %+v, %v", m.Type(), got, err)
		}
	}
	if _, err := Parse(99, nil); !errors.Is(err, ErrType) {
		t.Errorf("of type 99: %v", err)
	}
}

func TestRead(t *testing.T) {
	if _, _, err := Read(bytes.NewReader([]byte{0, 1, 0x10, 1, 1}), nil); !errors.Is(err, ErrTooLong) {
		t.Errorf("69,633 bytes: %v", err)
	}
	if _, _, err := Read(bytes.NewReader([]byte{0xff, 0xff, 0xff, 0xff, 1}), nil); !errors.Is(err, ErrTooLong) {
		t.Errorf("4 GB: %v", err)
	}
	if _, _, err := Read(bytes.NewReader(nil), nil); err != io.EOF {
		t.Errorf("nothing: %v", err)
	}
	for _, text := range []string{"\x00\x00\x00", "\x00\x00\x00\x02\x01", "\x00\x00\x00\x02\x01x"} {
		if _, _, err := Read(bytes.NewReader([]byte(text)), nil); err != io.ErrUnexpectedEOF {
			t.Errorf("%q: %v", text, err)
		}
	}
	buf := make([]byte, 8)
	_, body, err := Read(bytes.NewReader([]byte("\x00\x00\x00\x02\x01ab")), buf)
	if err != nil || string(body) != "ab" || &body[0] != &buf[0] {
		t.Errorf("%q, %v", body, err)
	}
}

func TestSessionConfig(t *testing.T) {
	keys := testKeys(t)
	for name, keys := range map[string]*i2p.PrivateKeys{"own key": keys, "transient key": transient(t, keys)} {
		c := testConfig(t, keys)
		if err := c.Verify(present.Add(MaxSkew)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := c.Verify(present.Add(MaxSkew + time.Second)); !errors.Is(err, ErrDate) {
			t.Errorf("%s: too late: %v", name, err)
		}
		if err := c.Verify(present.Add(-MaxSkew - time.Second)); !errors.Is(err, ErrDate) {
			t.Errorf("%s: too early: %v", name, err)
		}
		c.Created++
		if err := c.Verify(present); !errors.Is(err, ErrSignature) {
			t.Errorf("%s: another date than was signed: %v", name, err)
		}
	}
	off := transient(t, keys)
	c := testConfig(t, off)
	if o, err := c.Offline(); err != nil || !reflect.DeepEqual(*o, off.Offline.OfflineSignature) {
		t.Errorf("offline signature %+v, %v", o, err)
	}
	c.Created += i2p.Date(48 * time.Hour / time.Millisecond)
	if err := c.Sign(off.Offline.Private); err != nil {
		t.Fatal(err)
	}
	if err := c.Verify(present.Add(48 * time.Hour)); !errors.Is(err, ErrOffline) {
		t.Errorf("with a transient key of yesterday: %v", err)
	}
	other, err := i2p.GenerateDestination(sign.EdDSA_SHA512_Ed25519, i2p.CryptoElGamal, rand.NewChaCha8([32]byte{3}))
	if err != nil {
		t.Fatal(err)
	}
	c.Destination = other.Destination()
	if err := c.Sign(off.Offline.Private); err != nil {
		t.Fatal(err)
	}
	if err := c.Verify(present); !errors.Is(err, ErrOffline) {
		t.Errorf("a transient key of somebody else's: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	for _, m := range messages(f) {
		f.Add(byte(m.Type()), m.AppendTo(nil))
	}
	f.Fuzz(func(t *testing.T, kind byte, body []byte) {
		m, err := Parse(Type(kind), body)
		if err != nil {
			if m != nil {
				t.Fatalf("%+v with %v", m, err)
			}
			return
		}
		if got := m.AppendTo(nil); !bytes.Equal(got, body) && string(body) != "\x00" { // GetDate of no version is empty
			t.Fatalf("%v: %x is written as %x", m.Type(), body, got)
		}
		if s, ok := m.(CreateSession); ok {
			s.Config.Verify(present)
		}
	})
}

func FuzzRead(f *testing.F) {
	for _, m := range messages(f) {
		f.Add(Append(nil, m))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		kind, body, err := Read(bytes.NewReader(b), nil)
		if err == nil && (kind != Type(b[4]) || len(body) > MaxBody || !bytes.Equal(body, b[5:5+len(body)])) {
			t.Fatalf("%v of %d bytes", kind, len(body))
		}
	})
}
