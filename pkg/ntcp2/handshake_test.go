package ntcp2

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/noise"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 250e6, time.UTC)

// pair is Alice and Bob with seeded randomness.
type pair struct {
	alice, bob *Handshake
	replay     *ReplayCache
	bobConfig  Config
	peer       Peer
	aliceCfg   Config
}

func newPair(t testing.TB, seed byte, change func(*pair)) *pair {
	t.Helper()
	rng := rand.NewChaCha8([32]byte{seed})
	as := noise.GenerateKey(rng)
	bs := noise.GenerateKey(rng)
	p := &pair{replay: NewReplayCache(0)}
	bobHash := i2p.Hash{1, 2, 3, seed}
	p.peer = Peer{Hash: bobHash, Static: bs.Public, IV: [16]byte{9, 8, 7}}
	p.aliceCfg = Config{Static: as, NetID: 99, Info: bytes.Repeat([]byte("info"), 200), Options: DefaultOptions, Rand: rng}
	p.bobConfig = Config{Static: bs, NetID: 99, Hash: bobHash, IV: p.peer.IV, Replay: p.replay, Options: DefaultOptions, Rand: rng}
	if change != nil {
		change(p)
	}
	p.alice = NewInitiator(p.aliceCfg, p.peer)
	p.bob = NewResponder(p.bobConfig)
	return p
}

// run carries the messages, delay apart, and returns the first error.
func (p *pair) run(delay time.Duration) error {
	now := start
	m1, err := p.alice.Start(now)
	if err != nil {
		return err
	}
	now = now.Add(delay)
	m2, used, err := p.bob.Handle(now, m1)
	if err != nil {
		return err
	}
	if used != len(m1) {
		return errors.New("bob left bytes of message 1")
	}
	now = now.Add(delay)
	m3, used, err := p.alice.Handle(now, m2)
	if err != nil {
		return err
	}
	if used != len(m2) || !p.alice.Done() {
		return errors.New("alice is not done")
	}
	now = now.Add(delay)
	out, used, err := p.bob.Handle(now, append(m3, "data"...))
	if err != nil {
		return err
	}
	if used != len(m3) || len(out) != 0 || !p.bob.Done() {
		return errors.New("bob is not done")
	}
	return nil
}

func TestHandshake(t *testing.T) {
	for seed := range byte(20) {
		p := newPair(t, seed, nil)
		if err := p.run(100 * time.Millisecond); err != nil {
			t.Fatal(err)
		}
		a, b := p.alice.Result(), p.bob.Result()
		if !bytes.Equal(b.Info, p.aliceCfg.Info) || b.Static != p.aliceCfg.Static.Public || b.Options == nil || b.Options.TransmitMax != 1 {
			t.Fatalf("bob learnt %d bytes of RouterInfo, options %v", len(b.Info), b.Options)
		}
		if a.RTT != 200*time.Millisecond || b.RTT != 200*time.Millisecond {
			t.Errorf("round trips %v and %v, want 200ms", a.RTT, b.RTT)
		}
		if a.Skew.Abs() > 500*time.Millisecond || b.Skew.Abs() > 500*time.Millisecond {
			t.Errorf("skews %v and %v, want less than the rounding", a.Skew, b.Skew)
		}
		exchange(t, a.Sender, b.Receiver)
		exchange(t, b.Sender, a.Receiver)
	}
}

func exchange(t *testing.T, s *Sender, r *Receiver) {
	t.Helper()
	var wire []byte
	for i := range 50 {
		at := len(wire)
		wire = Begin(wire)
		wire = Block{BlockI2NP, bytes.Repeat([]byte{byte(i)}, i*40)}.AppendTo(wire)
		wire = s.Seal(wire, at)
	}
	got := 0
	var held []byte
	for i := 0; len(wire) > 0; i++ {
		n := min(1+i%1500, len(wire))
		held, wire = append(held, wire[:n]...), wire[n:]
		for {
			payload, used, err := r.Open(held)
			if err != nil {
				t.Fatal(err)
			}
			if used == 0 {
				break
			}
			bs := Blocks{Payload: payload}
			b, ok, err := bs.Next()
			if err != nil || !ok || b.Type != BlockI2NP || !bytes.Equal(b.Data, bytes.Repeat([]byte{byte(got)}, got*40)) {
				t.Fatalf("frame %d: block %v, %v", got, b.Type, err)
			}
			b, ok, err = bs.Next()
			if err != nil || !ok || b.Type != BlockPadding {
				t.Fatalf("frame %d: block %v, %v", got, b.Type, err)
			}
			held = held[used:]
			got++
		}
		if len(held) >= r.Need() {
			t.Fatalf("%d bytes at hand, %d needed, no progress", len(held), r.Need())
		}
	}
	if got != 50 || r.Frames() < 50 {
		t.Fatalf("%d frames arrived", got)
	}
}

func TestHandshakeByteByByte(t *testing.T) {
	p := newPair(t, 1, nil)
	m1, err := p.alice.Start(start)
	if err != nil {
		t.Fatal(err)
	}
	feed := func(h *Handshake, m []byte) (out []byte) {
		var held []byte
		for _, c := range m {
			held = append(held, c)
			o, used, err := h.Handle(start, held)
			if err != nil {
				t.Fatal(err)
			}
			if len(o) > 0 {
				out = o
			}
			held = held[used:]
		}
		return out
	}
	feed(p.bob, feed(p.alice, feed(p.bob, m1)))
	if !p.alice.Done() || !p.bob.Done() {
		t.Fatal("not done")
	}
}

func TestHandshakeRefusals(t *testing.T) {
	for _, c := range []struct {
		name    string
		change  func(*pair)
		delay   time.Duration
		message int
		err     error
	}{
		{"other network", func(p *pair) { p.aliceCfg.NetID = 2 }, 0, 1, ErrNetID},
		{"any network", func(p *pair) { p.aliceCfg.NetID = 0 }, 0, 0, nil},
		{"wrong static key", func(p *pair) { p.peer.Static[0] ^= 1 }, 0, 1, ErrAuthentication},
		{"wrong hash", func(p *pair) { p.peer.Hash[0] ^= 1 }, 0, 1, nil},
		{"wrong IV", func(p *pair) { p.peer.IV[0] ^= 1 }, 0, 1, nil},
		{"low order key", func(p *pair) { p.peer.Static = [32]byte{} }, 0, 1, ErrKey},
		{"slow message 1", nil, 62 * time.Second, 1, ErrClockSkew},
		{"round trip of two minutes", nil, 59 * time.Second, 0, nil},
	} {
		p := newPair(t, 7, c.change)
		err := p.run(c.delay)
		var he *HandshakeError
		if c.message == 0 {
			if err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
			continue
		}
		if !errors.As(err, &he) || he.Message != c.message || c.err != nil && !errors.Is(err, c.err) {
			t.Errorf("%s: error %v, want message %d: %v", c.name, err, c.message, c.err)
		}
	}
}

func TestExtraData(t *testing.T) {
	p := newPair(t, 6, nil)
	m1, _ := p.alice.Start(start)
	if out, _, err := p.bob.Handle(start, append(m1, 0)); !errors.Is(err, ErrExtraData) || out != nil {
		t.Fatalf("message 1: %d bytes, error %v", len(out), err)
	}
	p = newPair(t, 6, nil)
	m1, _ = p.alice.Start(start)
	m2, _, _ := p.bob.Handle(start, m1)
	if out, _, err := p.alice.Handle(start, append(m2, 0)); !errors.Is(err, ErrExtraData) || out != nil {
		t.Fatalf("message 2: %d bytes, error %v", len(out), err)
	}
}

// Every flipped bit of the three messages is noticed, at the latest by the
// message after it.
func TestTampering(t *testing.T) {
	for m := 1; m <= 3; m++ {
		for pos := 0; pos < 1200; pos += 17 {
			p := newPair(t, byte(pos), nil)
			m1, _ := p.alice.Start(start)
			flip := func(n int, b []byte) bool {
				if n == m && pos < len(b) {
					b[pos] ^= 4
					return true
				}
				return false
			}
			hit := flip(1, m1)
			m2, _, err := p.bob.Handle(start, m1)
			if err == nil && len(m2) > 0 {
				hit = flip(2, m2) || hit
				var m3 []byte
				m3, _, err = p.alice.Handle(start, m2)
				if err == nil && len(m3) > 0 {
					hit = flip(3, m3) || hit
					_, _, err = p.bob.Handle(start, m3)
				}
			}
			if hit && err == nil && p.bob.Done() {
				t.Fatalf("message %d, byte %d: nobody noticed", m, pos)
			}
		}
	}
}

// The high bit of byte 31 marks the post-quantum variants: plain NTCP2 takes
// it for junk before any exchange.
func TestHighBit(t *testing.T) {
	p := newPair(t, 8, nil)
	m1, _ := p.alice.Start(start)
	iv := p.peer.IV
	x := deobfuscate(p.peer.Hash, &iv, [32]byte(m1))
	x[31] |= 0x80
	iv = p.peer.IV
	o := obfuscate(p.peer.Hash, &iv, x)
	copy(m1, o[:])
	if _, _, err := p.bob.Handle(start, m1); !errors.Is(err, ErrKey) {
		t.Fatalf("error %v, want %v", err, ErrKey)
	}
}

func TestMessageSizes(t *testing.T) {
	for seed := range byte(50) {
		p := newPair(t, seed, nil)
		m1, _ := p.alice.Start(start)
		m2, _, err := p.bob.Handle(start, m1)
		if err != nil {
			t.Fatal(err)
		}
		if len(m1) > 287 || len(m2) > 287 || len(m1) < 64 || len(m2) < 64 {
			t.Fatalf("messages of %d and %d bytes", len(m1), len(m2))
		}
	}
}

// smallReader draws the smallest number each time: all zeros are no source.
type smallReader struct{}

func (smallReader) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = 0xff
	}
	b[0] = 0
	return len(b), nil
}

// No message goes without padding, whatever is drawn.
func TestNeverWithoutPadding(t *testing.T) {
	p := newPair(t, 1, func(p *pair) { p.aliceCfg.Rand, p.bobConfig.Rand = smallReader{}, smallReader{} })
	bare := part1Len + macLen + len(DefaultOptions.AppendTo(RouterInfo{Info: p.aliceCfg.Info}.AppendTo(nil)))
	m1, err := p.alice.Start(start)
	if err != nil {
		t.Fatal(err)
	}
	m2, _, err := p.bob.Handle(start, m1)
	if err != nil {
		t.Fatal(err)
	}
	m3, _, err := p.alice.Handle(start, m2)
	if err != nil {
		t.Fatal(err)
	}
	if want := []int{headLen + 1, headLen + 1, bare + blockHeaderLen + 1}; len(m1) != want[0] || len(m2) != want[1] || len(m3) != want[2] {
		t.Fatalf("messages of %d, %d and %d bytes, want %d", len(m1), len(m2), len(m3), want)
	}
	if _, _, err := p.bob.Handle(start, m3); err != nil || !p.bob.Done() {
		t.Fatalf("bob: %v", err)
	}
}

// A peer may leave the padding out.
func TestUnpadded(t *testing.T) {
	for seed := range byte(4) {
		p := newPair(t, seed, func(p *pair) { p.aliceCfg.Unpadded, p.bobConfig.Unpadded = seed&1 != 0, seed&2 != 0 })
		if err := p.run(time.Millisecond); err != nil {
			t.Fatal(err)
		}
	}
}

func TestHugeRouterInfo(t *testing.T) {
	p := newPair(t, 9, func(p *pair) { p.aliceCfg.Info = make([]byte, maxConfirmed) })
	if _, err := p.alice.Start(start); err == nil {
		t.Fatal("a RouterInfo that does not fit was taken")
	}
}

func BenchmarkHandshake(b *testing.B) {
	for b.Loop() {
		p := newPair(b, 1, nil)
		if err := p.run(0); err != nil {
			b.Fatal(err)
		}
	}
}
