// Package family makes and checks the signatures by which routers declare that one operator
// runs them (network database, Family Options).
package family

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"strconv"
	"strings"
	"time"

	"i2ptoolkit/pkg/draw"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/routerinfo"
	"i2ptoolkit/pkg/sign"
)

// The options of a RouterInfo in a family.
const (
	OptionName = "family"
	OptionKey  = "family.key"
	OptionSig  = "family.sig"
)

// certificateSuffix follows the family's name in its certificate's common name.
const certificateSuffix = ".family.i2p.net"

// maxName bounds a name: some tools have 50 bytes for it and a hash.
const maxName = 18

// ErrSignature means that a router is not what it says.
var ErrSignature = errors.New("family: the signature does not verify")

// ErrNone means that a router declares no family.
var ErrNone = errors.New("family: the router is in no family")

// CheckName tells whether a family may have the name: it stands in file names too.
func CheckName(name string) error {
	if len(name) == 0 || len(name) > maxName {
		return fmt.Errorf("family: name of %d characters, expected 1 to %d", len(name), maxName)
	}
	for i, r := range name {
		letter := r >= 'a' && r <= 'z' || r >= '0' && r <= '9'
		if !letter && (i == 0 || r != '-' && r != '_') {
			return fmt.Errorf("family: name %q: expected lower-case letters, digits, - and _", name)
		}
	}
	return nil
}

// Family is a name with the key that signs for it: ECDSA P-256, as all routers expect.
type Family struct {
	Name string
	Key  sign.PrivateKey
}

// New draws a family's key from r; nil is crypto/rand.
func New(name string, r io.Reader) (Family, error) {
	if err := CheckName(name); err != nil {
		return Family{}, err
	}
	k, err := sign.GenerateKey(sign.ECDSA_SHA256_P256, r)
	return Family{name, k}, err
}

// Options are what a router of the family publishes.
func (f Family) Options(router i2p.Hash) (map[string]string, error) {
	sig, err := f.Key.Sign(signedText(f.Name, router))
	if err != nil {
		return nil, fmt.Errorf("family: %w", err)
	}
	public := f.Key.Public()
	return map[string]string{
		OptionName: f.Name,
		OptionKey:  strconv.Itoa(int(public.Type())) + ":" + i2p.EncodeBase64(public.Bytes()),
		OptionSig:  i2p.EncodeBase64(sig),
	}, nil
}

func signedText(name string, router i2p.Hash) []byte { return append([]byte(name), router[:]...) }

// Verify checks a router's declaration. With a key that is known from elsewhere it must be
// that one's; with the zero key the router's own word, its option family.key, is taken: then
// the same key still means the same operator.
func Verify(r *routerinfo.RouterInfo, known sign.PublicKey) (sign.PublicKey, error) {
	name := r.Family()
	if name == "" {
		return sign.PublicKey{}, ErrNone
	}
	declared, ok := r.Options().Lookup(OptionKey)
	key := known
	if ok || known == (sign.PublicKey{}) {
		own, err := parseKey(declared)
		if err != nil {
			return sign.PublicKey{}, err
		}
		if known != (sign.PublicKey{}) && own != known {
			return sign.PublicKey{}, fmt.Errorf("%w: the router names another key", ErrSignature)
		}
		key = own
	}
	sig, err := i2p.DecodeBase64(r.Options().Get(OptionSig))
	if err != nil || !key.Verify(signedText(name, r.Hash()), sig) {
		return sign.PublicKey{}, ErrSignature
	}
	return key, nil
}

// parseKey reads "type:base64".
func parseKey(s string) (sign.PublicKey, error) {
	number, text, ok := strings.Cut(s, ":")
	t, err := strconv.ParseUint(number, 10, 16)
	if !ok || err != nil {
		return sign.PublicKey{}, fmt.Errorf("family: %s=%q, expected type:key", OptionKey, s)
	}
	b, err := i2p.DecodeBase64(text)
	if err != nil {
		return sign.PublicKey{}, fmt.Errorf("family: %s: %w", OptionKey, err)
	}
	return sign.NewPublicKey(sign.Type(t), b)
}

// MarshalKey is the private key as PEM, as openssl and i2pd read it.
func (f Family) MarshalKey() ([]byte, error) {
	k, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), f.Key.Bytes())
	if err != nil {
		return nil, fmt.Errorf("family: %w", err)
	}
	der, err := x509.MarshalECPrivateKey(k)
	if err != nil {
		return nil, fmt.Errorf("family: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}), nil
}

// errDamaged stands for what the parsers of DER say of their own types.
var errDamaged = errors.New("family: the private key in PEM is damaged")

// ParseKey reads a private key from PEM, in SEC 1 or PKCS #8.
func ParseKey(b []byte) (sign.PrivateKey, error) {
	for {
		var block *pem.Block
		if block, b = pem.Decode(b); block == nil {
			return sign.PrivateKey{}, errors.New("family: no EC private key in PEM")
		}
		switch block.Type {
		case "EC PRIVATE KEY":
			k, err := x509.ParseECPrivateKey(block.Bytes)
			if err != nil {
				return sign.PrivateKey{}, errDamaged
			}
			return signingKey(k)
		case "PRIVATE KEY":
			any, err := x509.ParsePKCS8PrivateKey(block.Bytes)
			if err != nil {
				return sign.PrivateKey{}, errDamaged
			}
			k, ok := any.(*ecdsa.PrivateKey)
			if !ok {
				return sign.PrivateKey{}, errors.New("family: private key of another type, expected ECDSA P-256")
			}
			return signingKey(k)
		}
	}
}

func signingKey(k *ecdsa.PrivateKey) (sign.PrivateKey, error) {
	if k.Curve != elliptic.P256() {
		return sign.PrivateKey{}, fmt.Errorf("family: private key of %s, expected P-256", k.Curve.Params().Name)
	}
	raw, err := k.Bytes()
	if err != nil {
		return sign.PrivateKey{}, fmt.Errorf("family: %w", err)
	}
	return sign.NewPrivateKey(sign.ECDSA_SHA256_P256, raw)
}

// Certificate is the family's self-signed certificate as PEM; routers that have it know the
// family's key.
func (f Family) Certificate(from, until time.Time) ([]byte, error) {
	k, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), f.Key.Bytes())
	if err != nil {
		return nil, fmt.Errorf("family: %w", err)
	}
	name := pkix.Name{
		Country: []string{"XX"}, Organization: []string{"I2P Anonymous Network"},
		OrganizationalUnit: []string{"family"}, CommonName: f.Name + certificateSuffix,
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: name, NotBefore: from, NotAfter: until,
		SignatureAlgorithm: x509.ECDSAWithSHA256,
	}
	der, err := x509.CreateCertificate(draw.From(nil), template, template, &k.PublicKey, k)
	if err != nil {
		return nil, fmt.Errorf("family: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), nil
}

// ParseCertificate reads a family's name and key from PEM. Its dates are not looked at: the
// key is what counts.
func ParseCertificate(b []byte) (name string, key sign.PublicKey, err error) {
	block, _ := pem.Decode(b)
	if block == nil || block.Type != "CERTIFICATE" {
		return "", key, errors.New("family: no certificate in PEM")
	}
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return "", key, fmt.Errorf("family: %w", err)
	}
	name, _, ok := strings.Cut(c.Subject.CommonName, ".family")
	if !ok {
		return "", key, fmt.Errorf("family: certificate for %q, expected NAME%s", c.Subject.CommonName, certificateSuffix)
	}
	public, ok := c.PublicKey.(*ecdsa.PublicKey)
	if !ok || public.Curve != elliptic.P256() {
		return "", key, errors.New("family: the certificate's key is not ECDSA P-256")
	}
	raw, err := public.Bytes()
	if err != nil {
		return "", key, fmt.Errorf("family: %w", err)
	}
	key, err = sign.NewPublicKey(sign.ECDSA_SHA256_P256, raw[1:])
	return name, key, err
}

// Join makes a router.info anew, with the family's options. It is as old as it was.
func (f Family) Join(r *routerinfo.RouterInfo, keys *i2p.PrivateKeys) (*routerinfo.RouterInfo, error) {
	if !keys.Identity.Equal(r.Identity().Identity) {
		return nil, errors.New("family: the keys are not the router's")
	}
	added, err := f.Options(r.Hash())
	if err != nil {
		return nil, err
	}
	for _, p := range r.Options() {
		if _, ok := added[p.Key]; !ok {
			added[p.Key] = p.Value
		}
	}
	return routerinfo.Build(routerinfo.BuildConfig{Keys: keys, Published: r.Published(), Addresses: r.Addresses(), Options: added})
}
