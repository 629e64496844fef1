package ntcp2

import (
	"math/rand/v2"
	"testing"

	"i2ptoolkit/pkg/kem"
	"i2ptoolkit/pkg/noise"
)

// What a stranger sends must neither panic nor be answered.
func FuzzResponder(f *testing.F) {
	p := newHybrid(f, 10, kem.None, kem.MLKEM768)
	m1, _ := p.alice.Start(start)
	f.Add(m1)
	f.Add(m1[:63])
	hybrid, _ := newHybrid(f, 10, kem.MLKEM768, kem.MLKEM768).alice.Start(start)
	f.Add(hybrid)
	f.Add(hybrid[:1200])
	f.Add([]byte("GET / HTTP/1.1\r\nHost: example\r\n\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		cfg := p.bobConfig
		cfg.Replay = NewReplayCache(0)
		cfg.Rand = rand.NewChaCha8([32]byte{})
		h := NewResponder(cfg)
		out, used, err := h.Handle(start, b)
		if used > len(b) || len(b) >= headLen && used == 0 {
			t.Fatalf("%d of %d bytes used", used, len(b))
		}
		if (err != nil || !h.Authenticated()) && len(out) > 0 {
			t.Fatal("junk was answered")
		}
	})
}

// create2 makes message 2 as create does, with options and padding of any kind.
func create2(t testing.TB, bob *Handshake, options [optionsLen]byte, pad []byte) []byte {
	t.Helper()
	bob.noise.MixHash(bob.ephemeral.Public[:])
	secret, err := bob.ephemeral.DH(bob.remote)
	if err != nil {
		t.Fatal(err)
	}
	bob.noise.MixKey(secret[:])
	iv := bob.iv
	y := obfuscate(bob.peer.Hash, &iv, bob.ephemeral.Public)
	out := bob.noise.EncryptAndHash(y[:], options[:])
	if len(pad) > 0 {
		bob.noise.MixHash(pad)
	}
	bob.sent, bob.state = start, confirmed
	return append(out, pad...)
}

// What comes in the place of message 2, from who is not Bob or from a Bob that
// writes anything, neither panics nor is answered unless it is in order; then Bob
// takes the answer.
func FuzzInitiator(f *testing.F) {
	p := newPair(f, 11, nil)
	m1, err := p.alice.Start(start)
	if err != nil {
		f.Fatal(err)
	}
	p.bob.Handle(start, m1[:headLen])
	p.bob.noise.MixHash(m1[headLen:])
	p.bob.ephemeral = noise.GenerateKey(rand.NewChaCha8([32]byte{11}))
	good := CreatedOptions{PaddingLen: 5, Timestamp: timestamp(start)}.AppendTo(nil)
	alice, bob := *p.alice, *p.bob
	if _, _, err := alice.Handle(start, create2(f, &bob, [optionsLen]byte(good), []byte("12345"))); err != nil || !alice.Done() {
		f.Fatalf("Alice does not take what is in order: %v", err)
	}
	f.Add(append(good, "12345"...), true)
	f.Add(append(good, "1234"...), true)
	f.Add(append(good, "123456"...), true)
	f.Add(CreatedOptions{Timestamp: timestamp(start) + 61}.AppendTo(nil), true)
	f.Add(CreatedOptions{PaddingLen: maxPaddingIn + 1, Timestamp: timestamp(start)}.AppendTo(nil), true)
	f.Add(make([]byte, headLen), false)
	h := newHybrid(f, 11, kem.MLKEM768, kem.MLKEM768)
	if _, err := h.alice.Start(start); err != nil {
		f.Fatal(err)
	}
	f.Add(make([]byte, headLen+h.alice.createdSection()), false)
	f.Add([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"), false)
	f.Fuzz(func(t *testing.T, b []byte, fromBob bool) {
		alice, bob := *p.alice, *p.bob
		if fromBob {
			var options [optionsLen]byte
			n := copy(options[:], b)
			b = create2(t, &bob, options, b[n:])
		}
		out, used, err := alice.Handle(start, b)
		if used > len(b) || len(b) >= headLen && used == 0 {
			t.Fatalf("%d of %d bytes used", used, len(b))
		}
		if !fromBob {
			hybrid := *h.alice
			if out, _, _ := hybrid.Handle(start, b); len(out) > 0 {
				t.Fatal("a hybrid that no Bob has sent is answered")
			}
		}
		if alice.Done() != (len(out) > 0) || err != nil && alice.Done() || !fromBob && alice.Done() {
			t.Fatalf("%d bytes of an answer, done: %v, error %v", len(out), alice.Done(), err)
		}
		if !alice.Done() {
			return
		}
		if skew := alice.Result().Skew; skew.Abs() > MaxSkew {
			t.Errorf("a clock that is %v off", skew)
		}
		if _, used, err := bob.Handle(start, out); err != nil || used != len(out) || !bob.Done() {
			t.Errorf("Bob does not take the answer: %v", err)
		}
	})
}

// A peer that did authenticate may still send anything as message 3's payload.
func FuzzConfirmedPayload(f *testing.F) {
	f.Add(RouterInfo{Info: []byte("ri")}.AppendTo(nil))
	f.Add(AppendPadding(DefaultOptions.AppendTo(RouterInfo{Info: []byte("ri")}.AppendTo(nil)), 3))
	f.Add(Termination{}.AppendTo(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		h := &Handshake{}
		if err := h.readConfirmed(b); err == nil && h.result.Info == nil {
			t.Fatal("no RouterInfo and no error")
		}
	})
}
