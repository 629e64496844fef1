package reseed

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	_ "embed" // signers.txt
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"i2ptoolkit/pkg/netdbdir"
	"i2ptoolkit/pkg/su3"
	"i2ptoolkit/pkg/words"
)

var (
	// ErrUnknownSigner means that nobody here has the signer's certificate.
	ErrUnknownSigner = errors.New("reseed: unknown signer")
	// ErrExpired means that the signer's certificate has ended, or not begun.
	ErrExpired = errors.New("reseed: certificate not valid")
)

// KnownSigner is one of those whom routers trust with reseed bundles.
type KnownSigner struct {
	ID                  string
	Key                 crypto.PublicKey
	NotBefore, NotAfter time.Time // NotBefore is zero for those built in
}

// Fingerprint is the SHA-256 of the public key's DER, in hexadecimal.
func (s KnownSigner) Fingerprint() string {
	der, err := x509.MarshalPKIXPublicKey(s.Key)
	if err != nil { // DSA, which the standard library does not write
		return ""
	}
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:])
}

//go:embed signers.txt
var signers string

// KnownSigners are those that are built in, the expired ones too: whom Java I2P or i2pd trust,
// also where no server of theirs is among Servers.
func KnownSigners() []KnownSigner {
	var all []KnownSigner
	for line := range strings.Lines(signers) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		s, err := parseKnown(strings.Fields(line))
		if err != nil {
			panic(fmt.Sprintf("reseed: built-in signers: %v", err))
		}
		all = append(all, s)
	}
	return all
}

func parseKnown(fields []string) (s KnownSigner, err error) {
	if len(fields) != 3 {
		return s, fmt.Errorf("%d fields, expected 3", len(fields))
	}
	s.ID = fields[0]
	if s.NotAfter, err = time.Parse(time.RFC3339, fields[1]); err != nil {
		return s, err
	}
	der, err := base64.StdEncoding.DecodeString(fields[2])
	if err != nil {
		return s, err
	}
	s.Key, err = x509.ParsePKIXPublicKey(der)
	return s, err
}

// Servers are the reseed servers that routers are shipped with: those of Java I2P as of
// October 2026.
func Servers() []string {
	return []string{
		"https://i2p.diyarciftci.xyz/",
		"https://i2p.novg.net/",
		"https://i2p.ntp.poweredbyberlin.de/",
		"https://i2pseed.creativecowpat.net:8443/",
		"https://reseed-fr.i2pd.xyz/",
		"https://reseed-pl.i2pd.xyz/",
		"https://reseed.diva.exchange/",
		"https://reseed.kiota.ch/",
		"https://reseed.onion.im/",
		"https://reseed.sahil.world/",
		"https://reseed.stormycloud.org/",
		"https://reseed2.i2p.net/",
		"https://reseed2.i2pgit.org/",
		"https://spiral.likogan.dev/",
		"https://sto01.i2p-reseed.hosted-by.skhron.eu/",
		"https://waw01.i2p-reseed.hosted-by.skhron.eu/",
		"https://www2.mk16.de/",
	}
}

// Trust is a set of signers. The zero Trust trusts nobody.
type Trust struct {
	signers []KnownSigner
	bad     []error
}

// TrustKnown trusts the signers that are built in.
func TrustKnown() *Trust { return &Trust{signers: KnownSigners()} }

// Signers are those that are trusted, in the order of their names.
func (t *Trust) Signers() []KnownSigner {
	all := slices.Clone(t.signers)
	slices.SortStableFunc(all, func(a, b KnownSigner) int { return strings.Compare(a.ID, b.ID) })
	return all
}

// Bad are the certificates that were left out beside good ones, each with its reason.
func (t *Trust) Bad() []error { return t.bad }

// Add trusts the certificates of a PEM text. A signer is named by its certificate's common
// name, and may have several. One bad certificate is left out; that none is good is an error.
func (t *Trust) Add(text []byte) error {
	good, bad := parseCertificates(text)
	if len(good) == 0 {
		return bad[0]
	}
	t.signers, t.bad = append(t.signers, good...), append(t.bad, bad...)
	return nil
}

// parseCertificates gives the signers of a PEM text, and what is wrong with the others: there
// is something of either.
func parseCertificates(text []byte) (good []KnownSigner, bad []error) {
	text = words.Unmarked(text)
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		if s, err := parseCertificate(block.Bytes); err != nil {
			bad = append(bad, err)
		} else {
			good = append(good, s)
		}
	}
	if len(good)+len(bad) == 0 {
		bad = []error{errors.New("reseed: no certificate in PEM")}
	}
	return good, bad
}

func parseCertificate(der []byte) (KnownSigner, error) {
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return KnownSigner{}, fmt.Errorf("reseed: certificate: %w", err)
	}
	if c.Subject.CommonName == "" {
		return KnownSigner{}, errors.New("reseed: certificate without a common name, expected the signer's")
	}
	if _, err := su3.TypeOf(c.PublicKey); err != nil {
		return KnownSigner{}, fmt.Errorf("reseed: certificate of %s: %w", c.Subject.CommonName, err)
	}
	return KnownSigner{c.Subject.CommonName, c.PublicKey, c.NotBefore, c.NotAfter}, nil
}

const maxCertificate = 64 << 10 // bytes of a file

// AddDir trusts the *.crt files of a directory. Bad ones are left out, as Add does; that none
// is good is an error.
func (t *Trust) AddDir(path string) error {
	names, err := filepath.Glob(filepath.Join(path, "*.crt"))
	if err != nil {
		return fmt.Errorf("reseed: %w", err)
	}
	if len(names) == 0 {
		return fmt.Errorf("reseed: %s: no certificates, expected files *.crt", path)
	}
	var bad []error
	added := false
	for _, name := range names {
		text, err := readFile(name, maxCertificate)
		if err != nil {
			bad = append(bad, err)
			continue
		}
		good, errs := parseCertificates(text)
		for _, err := range errs {
			bad = append(bad, fmt.Errorf("%s: %w", name, err))
		}
		t.signers, added = append(t.signers, good...), added || len(good) > 0
	}
	if !added {
		return bad[0]
	}
	t.bad = append(t.bad, bad...)
	return nil
}

func readFile(name string, limit int64) ([]byte, error) {
	f, err := netdbdir.OpenFile(name) // to open a pipe may take for ever
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(b)) > limit {
		return nil, fmt.Errorf("reseed: %s: more than %d bytes", name, limit)
	}
	return b, nil
}

// Keys are the keys with which a signer may sign at a time, the newest first.
func (t *Trust) Keys(id string, at time.Time) ([]crypto.PublicKey, error) {
	var valid []KnownSigner
	why := fmt.Errorf("%w: %q", ErrUnknownSigner, id)
	for _, s := range t.signers {
		switch {
		case s.ID != id:
		case at.After(s.NotAfter):
			why = fmt.Errorf("%w: that of %s expired on %s", ErrExpired, id, s.NotAfter.UTC().Format(time.DateOnly))
		case at.Before(s.NotBefore):
			why = fmt.Errorf("%w: that of %s begins on %s", ErrExpired, id, s.NotBefore.UTC().Format(time.DateOnly))
		default:
			valid = append(valid, s)
		}
	}
	if len(valid) == 0 {
		return nil, why
	}
	slices.SortStableFunc(valid, func(a, b KnownSigner) int { return b.NotBefore.Compare(a.NotBefore) })
	keys := make([]crypto.PublicKey, len(valid))
	for i, s := range valid {
		keys[i] = s.Key
	}
	return keys, nil
}

// signerYears is how long a signer's certificate holds.
const signerYears = 10

// NewSigner makes a signer's RSA key and self-signed certificate, in PEM, as
// routers keep them: the common name is the signer's ID.
func NewSigner(id string, bits int, from time.Time, random io.Reader) (key, certificate []byte, err error) {
	private, err := rsa.GenerateKey(random, bits)
	if err != nil {
		return nil, nil, fmt.Errorf("reseed: %w", err)
	}
	if _, err := su3.TypeOf(private.Public()); err != nil {
		return nil, nil, err
	}
	serial, err := rand.Int(random, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, nil, fmt.Errorf("reseed: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      subject(id),
		NotBefore:    from, NotAfter: from.AddDate(signerYears, 0, 0),
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		BasicConstraintsValid: true, IsCA: true,
		SignatureAlgorithm: x509.SHA512WithRSA,
	}
	der, err := x509.CreateCertificate(random, template, template, private.Public(), private)
	if err != nil {
		return nil, nil, fmt.Errorf("reseed: %w", err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, nil, fmt.Errorf("reseed: %w", err)
	}
	defer clear(secret)
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}),
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), nil
}

// subject is a signer's name, its parts in the order in which the certificates
// of the network's signers have them.
func subject(id string) pkix.Name {
	var name pkix.Name
	for _, part := range []struct {
		number int // of the attribute, 2.5.4.n (X.520)
		value  string
	}{{6, "XX"}, {8, "XX"}, {7, "XX"}, {10, "I2P Anonymous Network"}, {11, "I2P"}, {3, id}} {
		name.ExtraNames = append(name.ExtraNames, pkix.AttributeTypeAndValue{
			Type: asn1.ObjectIdentifier{2, 5, 4, part.number}, Value: part.value,
		})
	}
	return name
}

// LoadSigner reads a key, in PKCS #8, PKCS #1 or SEC 1, and its certificate.
func LoadSigner(keyPEM, certificatePEM []byte) (su3.Signer, *x509.Certificate, error) {
	block, _ := pem.Decode(words.Unmarked(certificatePEM))
	if block == nil || block.Type != "CERTIFICATE" {
		return su3.Signer{}, nil, errors.New("reseed: no certificate in PEM")
	}
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return su3.Signer{}, nil, fmt.Errorf("reseed: certificate: %w", err)
	}
	key, err := parseKey(words.Unmarked(keyPEM))
	if err != nil {
		return su3.Signer{}, nil, err
	}
	if _, err := su3.TypeOf(key.Public()); err != nil {
		return su3.Signer{}, nil, err
	}
	if !su3.Equal(key.Public(), c.PublicKey) {
		return su3.Signer{}, nil, fmt.Errorf("reseed: the certificate of %s is of another key", c.Subject.CommonName)
	}
	return su3.Signer{ID: c.Subject.CommonName, Key: key}, c, nil
}

func parseKey(text []byte) (crypto.Signer, error) {
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			return nil, errors.New("reseed: no private key in PEM")
		}
		if !strings.HasSuffix(block.Type, "PRIVATE KEY") {
			continue // openssl writes parameters first
		}
		if block.Headers["DEK-Info"] != "" || block.Type == "ENCRYPTED PRIVATE KEY" {
			return nil, errors.New("reseed: the private key is encrypted, expected it without a passphrase")
		}
		if k, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
			return k, nil
		}
		if k, err := x509.ParseECPrivateKey(block.Bytes); err == nil {
			return k, nil
		}
		k, err := x509.ParsePKCS8PrivateKey(block.Bytes)
		if err != nil {
			return nil, errors.New("reseed: the private key in PEM is damaged")
		}
		switch k := k.(type) {
		case *rsa.PrivateKey:
			return k, nil
		case *ecdsa.PrivateKey:
			return k, nil
		case ed25519.PrivateKey:
			return k, nil
		}
		return nil, errors.New("reseed: private key of another type, expected RSA, ECDSA or Ed25519")
	}
}
