package ratchet

import (
	"bytes"
	"testing"

	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
)

// FuzzOpen throws bytes at an engine that has sessions of all kinds, also
// under tags that it listens to: no panic, and nothing is kept.
func FuzzOpen(f *testing.F) {
	f.Add([]byte{}, byte(0))
	f.Add(make([]byte, 8), byte(1))
	f.Add(make([]byte, 24), byte(2))
	f.Add(make([]byte, 200), byte(0))
	f.Add(bytes.Repeat([]byte{0xff}, 3000), byte(3))
	alice, bob := connected(f, Config{Hybrid: i2p.CryptoMLKEM768X25519})
	carol := newEnd(f, 5, Config{Hybrid: i2p.CryptoMLKEM768X25519})
	ns := carol.seal(start, alice, "unanswered")
	pending := bob.seal(start, carol, "x")
	data := alice.seal(start, bob, "data")
	f.Add(ns.Body, byte(0))
	f.Add(pending.Body, byte(0))
	f.Fuzz(func(t *testing.T, b []byte, kind byte) {
		switch kind % 3 {
		case 1: // a tag that bob expects data under
			b = append(bytes.Clone(data.Body[:tagLen]), b...)
		case 2:
			b = bytes.Clone(b)
		}
		before := bob.Stats()
		o, err := bob.Open(start, bytes.Clone(b))
		if err != nil && o != nil {
			t.Fatal("a message and an error")
		}
		if after := bob.Stats(); err != nil && (after.Sessions != before.Sessions || after.Tags > before.Tags+1) {
			t.Fatalf("junk left something: %+v, before %+v", after, before)
		}
	})
}

// FuzzPayload parses payload sections; what parses can be written again.
func FuzzPayload(f *testing.F) {
	f.Add([]byte{})
	f.Add(appendPadding(appendCloves(appendDateTime(nil, start), []i2np.Clove{clove("x")}), 0, 9))
	f.Add(nextKey{flags: keyPresent | keyWantReverse, id: 3}.appendTo(nextKey{flags: keyReverse}.appendTo(nil)))
	f.Add(append(appendAcks(nil, []ackID{{1, 2}, {3, 4}}), blockAckRequest, 0, 1, 0, blockTermination, 0, 1, 5, blockPN, 0, 2, 1, 1))
	f.Fuzz(func(t *testing.T, b []byte) {
		p := payload{cloveLimit: 64}
		if err := p.parse(b, nil); err != nil {
			return
		}
		var out []byte
		for _, k := range p.nextKeys[:p.keyCount] {
			out = k.appendTo(out)
		}
		out = appendCloves(out, p.cloves)
		q := payload{cloveLimit: 64}
		if err := q.parse(out, nil); err != nil {
			t.Fatalf("written again: %v", err)
		}
		if q.nextKeys != p.nextKeys || len(q.cloves) != len(p.cloves) {
			t.Fatalf("written again: %+v, was %+v", q, p)
		}
	})
}

func FuzzOpenRouter(f *testing.F) {
	alice := newEnd(f, 1, Config{})
	body, err := SealToRouter(alice.random, start, alice.static.Public, []i2np.Clove{clove("x")})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(body)
	f.Add(make([]byte, 100))
	r := NewRouter(RouterConfig{Static: alice.static, NewPerSecond: 1 << 30})
	f.Fuzz(func(t *testing.T, b []byte) {
		if o, err := r.Open(start, bytes.Clone(b)); err != nil && o != nil {
			t.Fatal("a message and an error")
		}
	})
}

// FuzzOpenTagged opens bytes under a key that the sender knows too: those who answer a lookup
// do. So the input is sealed first, and its payload section is what the fuzzer makes of it;
// then it is opened as it is.
func FuzzOpenTagged(f *testing.F) {
	key, tag := [32]byte{1}, [tagLen]byte{2}
	f.Add([]byte{})
	f.Add(make([]byte, tagLen+macLen))
	f.Add(appendPadding(appendCloves(appendDateTime(nil, start), []i2np.Clove{clove("x")}), 0, 9))
	f.Add(appendCloves(nil, []i2np.Clove{clove("x"), clove("y"), clove("z")}))
	sealed, err := SealTagged(newEnd(f, 1, Config{}).random, key, tag, []i2np.Clove{clove("x")})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sealed)
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, body := range [][]byte{
			bytes.Clone(b),
			sealAEAD(&key, 0, append(append(make([]byte, 0, tagLen+len(b)+macLen), tag[:]...), b...)),
		} {
			o, err := OpenTagged(key, body)
			switch {
			case (o == nil) == (err == nil):
				t.Fatalf("%v, %v", o, err)
			case err == nil && (o.Kind != OneTime || o.From != [32]byte{} || len(o.Cloves) > 64):
				t.Fatalf("%+v", o)
			}
		}
	})
}
