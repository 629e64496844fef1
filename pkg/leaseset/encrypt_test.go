package leaseset

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/noise"
	"i2ptoolkit/pkg/sign"
)

func encrypt(t testing.TB, cfg EncryptConfig) *EncryptedLeaseSet {
	t.Helper()
	cfg.Rand = rand.NewChaCha8([32]byte{7})
	s, err := Encrypt(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func someClients(n int) (private, public [][32]byte) {
	for i := range n {
		k := noise.NewKeyPair([32]byte{1, byte(i)})
		private, public = append(private, k.Private()), append(public, k.Public)
	}
	return private, public
}

// TestEncrypt: who knows the address, and the secret and has a key where they are needed, reads what
// was encrypted; nobody else does, and is told what is lacking.
func TestEncrypt(t *testing.T) {
	private, public := someClients(3)
	stranger := [32]byte{99}
	for _, own := range []sign.Type{sign.EdDSA_SHA512_Ed25519, sign.RedDSA_SHA512_Ed25519} {
		keys := testKeys(t, own, i2p.CryptoX25519)
		address := keys.Identity.Blinded()
		cfg := config2(t, keys)
		cfg.Blinded = true
		inner := build2(t, cfg)
		for _, tt := range []struct {
			what      string
			cfg       EncryptConfig
			good      []Reader
			lacking   error // of a reader without a key
			otherwise error // of one with another
		}{
			{"everybody", EncryptConfig{}, []Reader{{}, {Key: &stranger}}, nil, nil},
			{"secret", EncryptConfig{Secret: "open sesame"}, []Reader{{Secret: "open sesame"}}, ErrOtherKey, ErrOtherKey},
			{"DH", EncryptConfig{Admission: ByDH, Clients: public}, []Reader{{Key: &private[0]}, {Key: &private[2]}}, ErrKeyNeeded, ErrNotAdmitted},
			{"PSK", EncryptConfig{Admission: ByPSK, Clients: private}, []Reader{{Key: &private[0]}, {Key: &private[2]}}, ErrKeyNeeded, ErrNotAdmitted},
			{"PSK and secret", EncryptConfig{Admission: ByPSK, Clients: private[:1], Secret: "x"}, []Reader{{Key: &private[0], Secret: "x"}}, ErrOtherKey, ErrOtherKey},
		} {
			t.Run(fmt.Sprintf("%v/%s", own, tt.what), func(t *testing.T) {
				tt.cfg.Keys, tt.cfg.Inner = keys, inner
				s := encrypt(t, tt.cfg)
				if err := s.Verify(testTime); err != nil {
					t.Fatal(err)
				}
				if want, _ := address.BlindedKey(testTime, tt.cfg.Secret); s.Hash() != i2p.BlindedStoreHash(want) {
					t.Errorf("stored under %v", s.Hash())
				}
				if s.Published() != inner.Published() || s.Expires() != inner.Expires() {
					t.Errorf("from %v to %v", s.Published(), s.Expires())
				}
				for _, r := range tt.good {
					r.Address = address
					got, err := s.Open(r, testTime)
					if err != nil {
						t.Fatal(err)
					}
					if !bytes.Equal(got.Bytes(), inner.Bytes()) {
						t.Error("it is another set")
					}
				}
				for _, r := range []struct {
					Reader
					want error
				}{{Reader{}, tt.lacking}, {Reader{Key: &stranger}, tt.otherwise}} {
					r.Address = address
					if _, err := s.Open(r.Reader, testTime); !errors.Is(err, r.want) {
						t.Errorf("%v, expected %v", err, r.want)
					}
				}
				if a, n, err := s.Admits(Reader{Address: address}); err != nil || a != tt.cfg.Admission || n != len(tt.cfg.Clients) {
					t.Errorf("it admits %d by %v, %v", n, a, err)
				}
			})
		}
	}
}

// TestEncryptRefuses: what cannot be encrypted says why.
func TestEncryptRefuses(t *testing.T) {
	keys := testKeys(t, sign.EdDSA_SHA512_Ed25519, i2p.CryptoX25519)
	inner := build2(t, config2(t, keys))
	offline := *keys
	offline.Offline = &i2p.OfflineKeys{}
	old := testKeys(t, sign.ECDSA_SHA256_P256, i2p.CryptoX25519)
	_, public := someClients(MaxClients + 1)
	for what, cfg := range map[string]EncryptConfig{
		"an offline key":         {Keys: &offline, Inner: inner},
		"a key of another type":  {Keys: old, Inner: build2(t, config2(t, old))},
		"too many clients":       {Keys: keys, Inner: inner, Admission: ByDH, Clients: public},
		"no clients":             {Keys: keys, Inner: inner, Admission: ByPSK},
		"clients that need none": {Keys: keys, Inner: inner, Clients: public[:1]},
	} {
		if s, err := Encrypt(cfg); err == nil || s != nil {
			t.Errorf("%s: encrypted", what)
		}
	}
	if s := encrypt(t, EncryptConfig{Keys: keys, Inner: inner, Admission: ByDH, Clients: public[:MaxClients]}); len(s.Bytes()) > MaxLen {
		t.Errorf("%d bytes", len(s.Bytes()))
	}
}

// TestOpenChecksWhatIsInside: an owner cannot pass another destination's lease set off as its own, nor
// dates that are not those of the outer layer.
func TestOpenChecksWhatIsInside(t *testing.T) {
	keys := testKeys(t, sign.EdDSA_SHA512_Ed25519, i2p.CryptoX25519)
	other := testKeys(t, sign.RedDSA_SHA512_Ed25519, i2p.CryptoX25519)
	inner := build2(t, config2(t, other))
	s := encrypt(t, EncryptConfig{Keys: keys, Inner: inner})
	if _, err := s.Open(Reader{Address: keys.Identity.Blinded()}, testTime); err == nil {
		t.Error("another destination's lease set was taken")
	}
	if _, err := s.Open(Reader{Address: other.Identity.Blinded()}, testTime); !errors.Is(err, ErrOtherKey) {
		t.Errorf("%v", err)
	}
	later := config2(t, keys)
	later.Published += 11_000
	sealed := encrypt(t, EncryptConfig{Keys: keys, Inner: redated{build2(t, later), i2p.DateOf(testTime)}})
	if _, err := sealed.Open(Reader{Address: keys.Identity.Blinded()}, testTime); err == nil {
		t.Error("another date inside was taken")
	}
	whole := encrypt(t, EncryptConfig{Keys: keys, Inner: build2(t, config2(t, keys))})
	if _, err := whole.Open(Reader{Address: keys.Identity.Blinded()}, testTime.Add(time.Hour)); !errors.Is(err, ErrExpired) {
		t.Errorf("%v", err)
	}
}

// redated is a lease set that seems to be published at another time.
type redated struct {
	Record
	at i2p.Date
}

func (r redated) Published() i2p.Date { return r.at }

func FuzzOpen(f *testing.F) {
	private, public := someClients(2)
	keys := testKeys(f, sign.EdDSA_SHA512_Ed25519, i2p.CryptoX25519)
	address := keys.Identity.Blinded()
	inner := build2(f, config2(f, keys))
	for _, cfg := range []EncryptConfig{{}, {Admission: ByDH, Clients: public}, {Admission: ByPSK, Clients: private}} {
		cfg.Keys, cfg.Inner = keys, inner
		s := encrypt(f, cfg)
		m := mixer{sub: subcredential(address, s.blinded), published: s.published}
		layer1, err := m.open(s.data, nil, "ELS2_L1K")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(layer1)
	}
	f.Add([]byte{3, 0})
	blank := encrypt(f, EncryptConfig{Keys: keys, Inner: inner})
	m := mixer{sub: subcredential(address, blank.blinded), published: blank.published}
	f.Fuzz(func(t *testing.T, layer1 []byte) {
		// An owner may say anything in the layers that only readers see.
		s := *blank
		s.data = append(make([]byte, saltLen), layer1...)
		m.crypt(s.data[saltLen:], s.data[:saltLen], nil, "ELS2_L1K")
		for _, key := range []*[32]byte{nil, &private[0]} {
			set, err := s.Open(Reader{Address: address, Key: key}, testTime)
			if (set == nil) != (err != nil) {
				t.Errorf("%v with %v", set, err)
			}
			if err == nil && set.Hash() != keys.Identity.Hash() {
				t.Error("another destination's")
			}
		}
	})
}
