package reseed

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"i2ptoolkit/pkg/reseed/reseedtest"
	"i2ptoolkit/pkg/sign"
	"i2ptoolkit/pkg/su3"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func TestKnownSigners(t *testing.T) {
	all := KnownSigners()
	if len(all) < 10 {
		t.Fatalf("%d signers", len(all))
	}
	for _, s := range all {
		if typ, err := su3.TypeOf(s.Key); err != nil || typ != sign.RSA_SHA512_4096 {
			t.Errorf("%s: key of type %v, %v", s.ID, typ, err)
		}
		if len(s.Fingerprint()) != 64 || s.NotAfter.Before(now) {
			t.Errorf("%s: %s, until %v", s.ID, s.Fingerprint(), s.NotAfter)
		}
	}
	files, _ := filepath.Glob("../../../shared/testdata/reseed-certs/*.crt")
	if len(files) == 0 {
		t.Skip("SKIPPED: no ../shared/testdata/reseed-certs beside the repository: the table is not compared with certificates")
	}
	same := 0
	for _, name := range files {
		var one Trust
		text, err := os.ReadFile(name)
		if err == nil {
			err = one.Add(text)
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range all {
			if c := one.Signers()[0]; c.ID == s.ID {
				if same++; !su3.Equal(s.Key, c.Key) || !s.NotAfter.Equal(c.NotAfter) {
					t.Errorf("%s: key or end differ from its certificate's", s.ID)
				}
			}
		}
	}
	if same < 10 {
		t.Errorf("%d of %d signers have a certificate there", same, len(all))
	}
}

func TestServers(t *testing.T) {
	if !slices.IsSorted(Servers()) || len(slices.Compact(Servers())) != len(Servers()) {
		t.Error("they are not in order, or one is there twice")
	}
	for _, s := range Servers() {
		if !strings.HasPrefix(s, "https://") || !strings.HasSuffix(s, "/") {
			t.Errorf("%s: expected https://…/", s)
		}
	}
}

// TestLiveBundle opens what a server of the live network sent.
func TestLiveBundle(t *testing.T) {
	b, err := os.ReadFile("../../../shared/testdata/i2pseeds.su3")
	if err != nil {
		t.Skip("SKIPPED: no ../shared/testdata/i2pseeds.su3 beside the repository: no real bundle is tested")
	}
	then := time.Date(2025, 4, 25, 18, 0, 0, 0, time.UTC)
	bundle, err := OpenBundle(b, OpenConfig{Trust: TrustKnown(), Now: then, NetID: 2})
	if err != nil {
		t.Fatal(err)
	}
	if !bundle.Verified || bundle.Signer != "r4sas-reseed@mail.i2p" || bundle.Made.Unix() != 1745582702 || len(bundle.Infos) < 50 || len(bundle.Rejected) > 5 {
		t.Errorf("by %s of %v: %d RouterInfos, rejected %v", bundle.Signer, bundle.Made, len(bundle.Infos), bundle.Rejected)
	}
	late, err := OpenBundle(b, OpenConfig{Trust: TrustKnown(), Now: then.AddDate(1, 0, 0), NetID: 2})
	if err != nil || len(late.Infos) != 0 || len(late.Rejected) != len(bundle.Infos)+len(bundle.Rejected) {
		t.Errorf("a year later: %d RouterInfos, %v", len(late.Infos), err)
	}
	if _, err := OpenBundle(b, OpenConfig{Trust: TrustKnown(), Now: then.AddDate(5, 0, 0), NetID: 2}); !errors.Is(err, ErrExpired) {
		t.Errorf("when the certificate has expired: %v", err)
	}
	if _, err := OpenBundle(b, OpenConfig{Trust: new(Trust), Now: then, NetID: 2}); !errors.Is(err, ErrUnknownSigner) {
		t.Errorf("without trust: %v", err)
	}
	b[len(b)/2] ^= 1
	if _, err := OpenBundle(b, OpenConfig{Trust: TrustKnown(), Now: then, NetID: 2}); !errors.Is(err, su3.ErrSignature) {
		t.Errorf("with a byte changed: %v", err)
	}
}

// newSigner makes a small key, for tests that need many.
func newSigner(t testing.TB, id string, from time.Time) (su3.Signer, []byte) {
	t.Helper()
	key, certificate, err := NewSigner(id, 2048, from, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s, c, err := LoadSigner(key, certificate)
	if err != nil || s.ID != id || !c.NotBefore.Equal(from) {
		t.Fatalf("%+v, %v", s, err)
	}
	return s, certificate
}

// TestSignature: a bundle is opened where a signer that is trusted has signed it as it is, and
// nothing of any other.
func TestSignature(t *testing.T) {
	ours, certificate := newSigner(t, "you@mail.i2p", now)
	other, _ := newSigner(t, "you@mail.i2p", now) // who says that he is the same
	var trust Trust
	if err := trust.Add(certificate); err != nil {
		t.Fatal(err)
	}
	made := func(by su3.Signer) []byte {
		bundles, _ := build(t, BuildConfig{Bundles: 1, PerBundle: 5, Signer: by, Private: true, Now: now}, routers(t, reseedtest.Config{Count: 5}))
		return bundles[0]
	}
	good := made(ours)
	changed := bytes.Clone(good)
	changed[len(changed)-1] ^= 1
	for name, c := range map[string]struct {
		bundle []byte
		trust  *Trust
		err    error
	}{
		"as it was signed": {good, &trust, nil},
		"changed":          {changed, &trust, su3.ErrSignature},
		"another's":        {made(other), &trust, su3.ErrSignature},
		"nobody trusted":   {good, nil, ErrUnknownSigner},
	} {
		b, err := OpenBundle(c.bundle, OpenConfig{Trust: c.trust, Now: now.Add(time.Minute), NetID: 2})
		if !errors.Is(err, c.err) || b.Verified != (c.err == nil) || (len(b.Infos) > 0) != (c.err == nil) {
			t.Errorf("%s: %d RouterInfos, verified %v: %v", name, len(b.Infos), b.Verified, err)
		}
	}
}

func TestTrust(t *testing.T) {
	dir := t.TempDir()
	_, first := newSigner(t, "you@mail.i2p", now)
	second, text := newSigner(t, "you@mail.i2p", now.AddDate(9, 0, 0)) // overlaps by a year
	os.WriteFile(filepath.Join(dir, "you_at_mail.i2p.crt"), slices.Concat(first, text), 0o600)
	os.WriteFile(filepath.Join(dir, "README"), []byte("not a certificate"), 0o600)
	var tr Trust
	if err := tr.AddDir(dir); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		at   time.Time
		keys int
		err  error
	}{
		{now.Add(-time.Hour), 0, ErrExpired},
		{now.AddDate(1, 0, 0), 1, nil},
		{now.AddDate(9, 6, 0), 2, nil},
		{now.AddDate(15, 0, 0), 1, nil},
		{now.AddDate(20, 0, 0), 0, ErrExpired},
	} {
		keys, err := tr.Keys("you@mail.i2p", c.at)
		if len(keys) != c.keys || !errors.Is(err, c.err) {
			t.Errorf("at %v: %d keys, %v", c.at, len(keys), err)
		}
		if len(keys) == 2 && !su3.Equal(keys[0], second.Key.Public()) {
			t.Error("the newest key is not the first")
		}
	}
	if _, err := tr.Keys("me@mail.i2p", now); !errors.Is(err, ErrUnknownSigner) {
		t.Error(err)
	}
	if err := new(Trust).AddDir(t.TempDir()); err == nil {
		t.Error("an empty directory gave trust")
	}
	for _, bad := range []string{"", "junk", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"} {
		if err := new(Trust).Add([]byte(bad)); err == nil {
			t.Errorf("%q is no certificate", bad)
		}
	}
}

func TestLoadSigner(t *testing.T) {
	key, certificate, err := NewSigner("you@mail.i2p", 2048, now, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, c, err := LoadSigner(key, certificate)
	if err != nil {
		t.Fatal(err)
	}
	// As the certificates of the network's signers have it.
	if got, want := c.Subject.String(), "CN=you@mail.i2p,OU=I2P,O=I2P Anonymous Network,L=XX,ST=XX,C=XX"; got != want {
		t.Errorf("subject %s, expected %s", got, want)
	}
	if !c.IsCA || len(c.SubjectKeyId) == 0 || c.CheckSignatureFrom(c) != nil || !c.NotAfter.Equal(now.AddDate(10, 0, 0)) {
		t.Errorf("not a self-signed certificate of 10 years: until %v", c.NotAfter)
	}
	_, other := newSigner(t, "me@mail.i2p", now)
	block, _ := pem.Decode(key)
	private, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	_, ed, _ := ed25519.GenerateKey(rand.Reader)
	edDER, _ := x509.MarshalPKCS8PrivateKey(ed)
	for name, c := range map[string]struct{ key, certificate []byte }{
		"of another key": {key, other},
		"no certificate": {key, key},
		"no private key": {certificate, certificate},
		"is encrypted":   {pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: block.Bytes}), certificate},
		"is of another":  {pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: edDER}), certificate},
		"is damaged":     {pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: block.Bytes[1:]}), certificate},
	} {
		if _, _, err := LoadSigner(c.key, c.certificate); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%v, expected %q", err, name)
		}
	}
	old := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(private.(*rsa.PrivateKey))})
	if s, _, err := LoadSigner(bytes.Clone(old), certificate); err != nil || s.ID != "you@mail.i2p" {
		t.Errorf("PKCS #1: %v", err)
	}
	if _, _, err := NewSigner("you@mail.i2p", 1024, now, rand.Reader); err == nil {
		t.Error("a key of 1024 bits was made")
	}
}
