package noise

import (
	"bytes"
	"math/rand/v2"
	"testing"

	flynn "github.com/flynn/noise"
)

// The oracle: flynn/noise runs XK, and State, driven by hand through the same
// tokens, must produce the same bytes and keys.
func TestXKAgainstFlynn(t *testing.T) {
	rng := rand.NewChaCha8([32]byte{1})
	suite := flynn.NewCipherSuite(flynn.DH25519, flynn.CipherChaChaPoly, flynn.HashSHA256)
	si := GenerateKey(rng)
	sr := GenerateKey(rng)
	var seed [32]byte
	rng.Read(seed[:])
	ei := NewKeyPair(seed)
	p := si.Private()
	hs, err := flynn.NewHandshakeState(flynn.Config{
		CipherSuite:   suite,
		Pattern:       flynn.HandshakeXK,
		Initiator:     true,
		Random:        bytes.NewReader(seed[:]),
		StaticKeypair: flynn.DHKey{Private: p[:], Public: si.Public[:]},
		PeerStatic:    sr.Public[:],
	})
	if err != nil {
		t.Fatal(err)
	}
	want, _, _, err := hs.WriteMessage(nil, []byte("options"))
	if err != nil {
		t.Fatal(err)
	}

	s := New("Noise_XK_25519_ChaChaPoly_SHA256")
	s.MixHash(nil)
	s.MixHash(sr.Public[:])
	s.MixHash(ei.Public[:])
	dh, err := ei.DH(sr.Public)
	if err != nil {
		t.Fatal(err)
	}
	s.MixKey(dh[:])
	got := s.EncryptAndHash(bytes.Clone(ei.Public[:]), []byte("options"))
	if !bytes.Equal(got, want) {
		t.Fatalf("message 1 is %x, flynn's %x", got, want)
	}
	if !bytes.Equal(s.H[:], hs.ChannelBinding()) {
		t.Fatalf("h is %x, flynn's %x", s.H, hs.ChannelBinding())
	}
}

func TestForkAndCommit(t *testing.T) {
	a := New("Noise_IKelg2+hs2_25519_ChaChaPoly_SHA256")
	a.MixKey([]byte("secret"))
	b := a
	c := a.EncryptAndHash(nil, []byte("hello"))
	bad := bytes.Clone(c)
	bad[3] ^= 1
	before := b
	if _, err := b.DecryptAndHash(nil, bad); err != ErrDecrypt {
		t.Fatalf("forged message: error %v, want %v", err, ErrDecrypt)
	}
	if b != before {
		t.Fatal("a forged message changed the state")
	}
	p, err := b.DecryptAndHash(nil, c)
	if err != nil || string(p) != "hello" || a != b {
		t.Fatalf("opened %q, %v; states equal: %v", p, err, a == b)
	}
}

func TestDecryptInPlace(t *testing.T) {
	a := New("x")
	a.MixKey([]byte("secret"))
	b := a
	c := a.EncryptAndHash(nil, []byte("in place"))
	p, err := b.DecryptAndHash(c[:0], c)
	if err != nil || string(p) != "in place" || a != b {
		t.Fatalf("opened %q, %v; states equal: %v", p, err, a == b)
	}
}

func TestLowOrder(t *testing.T) {
	k := GenerateKey(nil)
	if _, err := k.DH([32]byte{}); err != ErrLowOrder {
		t.Fatalf("error %v, want %v", err, ErrLowOrder)
	}
}
