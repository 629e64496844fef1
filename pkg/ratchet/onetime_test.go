package ratchet

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	flynn "github.com/flynn/noise"

	"i2ptoolkit/pkg/elligator"
	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/noise"
)

var suite = flynn.NewCipherSuite(flynn.DH25519, flynn.CipherChaChaPoly, flynn.HashSHA256)

// The oracle: flynn/noise runs the N pattern from the other side.
func TestRouterAgainstFlynn(t *testing.T) {
	rng := rand.NewChaCha8([32]byte{1})
	static := noise.GenerateKey(rng)
	p := static.Private()
	key := flynn.DHKey{Private: p[:], Public: static.Public[:]}

	body, err := SealToRouter(rng, start, static.Public, []i2np.Clove{clove("lookup")})
	if err != nil {
		t.Fatal(err)
	}
	hs, err := flynn.NewHandshakeState(flynn.Config{CipherSuite: suite, Pattern: flynn.HandshakeN, StaticKeypair: key})
	if err != nil {
		t.Fatal(err)
	}
	plain, _, _, err := hs.ReadMessage(nil, body)
	if err != nil {
		t.Fatalf("flynn: %v", err)
	}
	if !bytes.HasPrefix(plain, appendDateTime(nil, start)) {
		t.Fatalf("payload %x does not begin with the date", plain)
	}

	hs, err = flynn.NewHandshakeState(flynn.Config{
		CipherSuite: suite, Pattern: flynn.HandshakeN, Initiator: true, Random: rng, PeerStatic: static.Public[:],
	})
	if err != nil {
		t.Fatal(err)
	}
	body, _, _, err = hs.WriteMessage(nil, appendCloves(appendDateTime(nil, start), []i2np.Clove{clove("theirs")}))
	if err != nil {
		t.Fatal(err)
	}
	o, err := OpenRouter(static, start, body)
	if err != nil || len(o.Cloves) != 1 || string(o.Cloves[0].Message.Body) != "theirs" {
		t.Fatalf("opened %+v, %v", o, err)
	}
}

// The oracle: flynn/noise runs IK under I2P's name, which is the New Session
// message but for Elligator2.
func TestNewSessionAgainstFlynn(t *testing.T) {
	rng := rand.NewChaCha8([32]byte{1})
	b := newEnd(t, 2, Config{})
	alice := noise.GenerateKey(rng)
	private := alice.Private()
	pattern := flynn.HandshakeIK
	pattern.Name = "IKelg2+hs2"
	done := 0
	for done < 3 {
		hs, err := flynn.NewHandshakeState(flynn.Config{
			CipherSuite: suite, Pattern: pattern, Initiator: true, Random: rng,
			StaticKeypair: flynn.DHKey{Private: private[:], Public: alice.Public[:]}, PeerStatic: b.static.Public[:],
		})
		if err != nil {
			t.Fatal(err)
		}
		body, _, _, err := hs.WriteMessage(nil, appendCloves(appendDateTime(nil, start), []i2np.Clove{clove("theirs")}))
		if err != nil {
			t.Fatal(err)
		}
		rep, ok := elligator.Encode([32]byte(body), 0x41)
		if !ok {
			continue
		}
		done++
		copy(body, rep[:])
		o := b.open(start, Sealed{Body: body, Kind: NewSession})
		if o.From != alice.Public || string(o.Cloves[0].Message.Body) != "theirs" {
			t.Fatalf("opened %+v", o)
		}
	}
}

func TestRouter(t *testing.T) {
	rng := rand.NewChaCha8([32]byte{1})
	static := noise.GenerateKey(rng)
	r := NewRouter(RouterConfig{Static: static})
	body, err := SealToRouter(rng, start, static.Public, []i2np.Clove{clove("x"), clove("y")})
	if err != nil {
		t.Fatal(err)
	}
	if o, err := r.Open(start, bytes.Clone(body)); err != nil || len(o.Cloves) != 2 || o.Kind != RouterOnly {
		t.Fatalf("opened %+v, %v", o, err)
	}
	if _, err := r.Open(start, bytes.Clone(body)); !errors.Is(err, ErrReplay) {
		t.Errorf("error %v, want %v", err, ErrReplay)
	}
	old, _ := SealToRouter(rng, start.Add(-6*time.Minute), static.Public, nil)
	if _, err := r.Open(start, old); !errors.Is(err, ErrClock) {
		t.Errorf("error %v, want %v", err, ErrClock)
	}
}

func TestTagged(t *testing.T) {
	rng := rand.NewChaCha8([32]byte{1})
	key, tag := [32]byte{1, 2}, [8]byte{3, 4}
	seal := func() []byte {
		t.Helper()
		b, err := SealTagged(rng, key, tag, []i2np.Clove{clove("reply")})
		if err != nil {
			t.Fatal(err)
		}
		// i2pd reads a single block and takes it for a clove.
		if p, err := openAEAD(&key, 0, bytes.Clone(b)); err != nil || p[0] != blockClove {
			t.Fatalf("payload %x, %v", p, err)
		}
		return b
	}
	check := func(o *Opened, err error) {
		t.Helper()
		if err != nil || o.Kind != OneTime || len(o.Cloves) != 1 || string(o.Cloves[0].Message.Body) != "reply" {
			t.Fatalf("opened %+v, %v", o, err)
		}
	}
	check(OpenTagged(key, seal()))

	e := newEnd(t, 1, Config{Limits: Limits{Expected: 10}})
	r := NewRouter(RouterConfig{Static: e.static, Expected: 10})
	for _, x := range []interface {
		Expect(time.Time, [32]byte, [8]byte, time.Duration)
		Open(time.Time, []byte) (*Opened, error)
	}{e, r} {
		x.Expect(start, key, tag, time.Minute)
		if _, err := x.Open(start.Add(2*time.Minute), seal()); err == nil {
			t.Error("opened an expired tag")
		}
		bad := seal()
		bad[10] ^= 1
		if _, err := x.Open(start, bad); !errors.Is(err, ErrDecrypt) {
			t.Errorf("error %v, want %v", err, ErrDecrypt)
		}
		check(x.Open(start, seal()))
		if _, err := x.Open(start, seal()); err == nil {
			t.Error("opened a used tag")
		}
		for i := range byte(100) {
			x.Expect(start, key, [8]byte{i}, time.Minute)
		}
	}
	if e.expected.len() != 10 || r.Stats().Tags != 10 {
		t.Errorf("%d and %d tags, want 10", e.expected.len(), r.Stats().Tags)
	}
}
