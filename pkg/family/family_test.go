package family

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/routerinfo"
	"i2ptoolkit/pkg/sign"
)

func router(t testing.TB, options map[string]string) (*routerinfo.RouterInfo, *i2p.PrivateKeys) {
	t.Helper()
	k, err := i2p.GenerateRouter(nil)
	if err != nil {
		t.Fatal(err)
	}
	r, err := routerinfo.Build(routerinfo.BuildConfig{Keys: k, Published: 1700000000000, Options: options})
	if err != nil {
		t.Fatal(err)
	}
	return r, k
}

func TestJoin(t *testing.T) {
	f, err := New("test-family", nil)
	if err != nil {
		t.Fatal(err)
	}
	r, k := router(t, map[string]string{"netId": "2", "family": "other"})
	joined, err := f.Join(r, k)
	if err != nil {
		t.Fatal(err)
	}
	if joined.Verify() != nil || joined.Published() != r.Published() || joined.NetID() != 2 || joined.Family() != "test-family" {
		t.Error("the router.info changed in other ways")
	}
	if key, err := Verify(joined, sign.PublicKey{}); err != nil || key != f.Key.Public() {
		t.Errorf("by its own word: %v", err)
	}
	if _, err := Verify(joined, f.Key.Public()); err != nil {
		t.Errorf("by the known key: %v", err)
	}
	other, _ := New("test-family", nil)
	if _, err := Verify(joined, other.Key.Public()); !errors.Is(err, ErrSignature) {
		t.Errorf("by another key: %v", err)
	}
	if _, err := Verify(r, f.Key.Public()); !errors.Is(err, ErrSignature) {
		t.Errorf("without signature: %v", err)
	}
	plain, otherKeys := router(t, nil)
	if _, err := Verify(plain, f.Key.Public()); !errors.Is(err, ErrNone) {
		t.Errorf("without family: %v", err)
	}
	if _, err := f.Join(r, otherKeys); err == nil {
		t.Error("foreign keys are accepted")
	}
	// Another router cannot use the signature.
	copied := make(map[string]string)
	for _, p := range joined.Options() {
		copied[p.Key] = p.Value
	}
	thief, _ := router(t, copied)
	if _, err := Verify(thief, f.Key.Public()); !errors.Is(err, ErrSignature) {
		t.Errorf("a copied signature: %v", err)
	}
}

func TestFiles(t *testing.T) {
	f, err := New("files", nil)
	if err != nil {
		t.Fatal(err)
	}
	pem, err := f.MarshalKey()
	if err != nil {
		t.Fatal(err)
	}
	key, err := ParseKey(pem)
	if err != nil || !bytes.Equal(key.Bytes(), f.Key.Bytes()) {
		t.Errorf("the key is not read back: %v", err)
	}
	cert, err := f.Certificate(time.Unix(1.7e9, 0), time.Unix(2e9, 0))
	if err != nil {
		t.Fatal(err)
	}
	if name, public, err := ParseCertificate(cert); err != nil || name != "files" || public != f.Key.Public() {
		t.Errorf("the certificate is not read back: %q, %v", name, err)
	}
	if _, err := ParseKey(cert); err == nil {
		t.Error("a certificate is a key")
	}
	if _, _, err := ParseCertificate(pem); err == nil {
		t.Error("a key is a certificate")
	}
}

func TestNames(t *testing.T) {
	for _, bad := range []string{"", "UPPER", "a b", "-a", "../a", "nineteen-characters"} {
		if _, err := New(bad, nil); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}

func FuzzParse(f *testing.F) {
	fam, _ := New("fuzz", nil)
	pem, _ := fam.MarshalKey()
	f.Add(pem)
	cert, _ := fam.Certificate(time.Unix(1.7e9, 0), time.Unix(2e9, 0))
	f.Add(cert)
	f.Fuzz(func(t *testing.T, b []byte) {
		ParseKey(b)
		ParseCertificate(b)
		parseKey(string(b))
	})
}
