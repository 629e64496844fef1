package door

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"net/netip"
	"time"
)

// certificate is what the door shows who it is by: the files of the settings, or one that it has made and kept.
func (d *Door) certificate(s Settings) (*tls.Config, error) {
	var pair tls.Certificate
	var err error
	if s.Certificate != "" {
		pair, err = tls.LoadX509KeyPair(s.Certificate, s.Key)
	} else {
		pair, err = d.kept(s)
	}
	if err != nil {
		return nil, fmt.Errorf("the certificate: %w", err)
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}}, nil
}

// kept is the certificate that the door has made, made now where there is none, or where it is over.
func (d *Door) kept(s Settings) (tls.Certificate, error) {
	file := d.cfg.Name + ".pem"
	b, err := d.cfg.Files.Read(file)
	if err == nil {
		pair, err := tls.X509KeyPair(b, b)
		if err != nil || d.cfg.Now().Before(pair.Leaf.NotAfter) {
			return pair, err
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return tls.Certificate{}, err
	}
	if b, err = selfSigned(d.cfg.Name, s.Listen, d.cfg.Now()); err == nil {
		err = d.cfg.Files.Keep(file, b)
	}
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.X509KeyPair(b, b)
}

// certificateYears is how long a certificate is good for that applications are told of by hand.
const certificateYears = 10

// selfSigned makes a certificate and its key, in PEM, for the addresses that are listened at.
func selfSigned(name string, listen []string, now time.Time) ([]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, err
	}
	t := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name}, NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(certificateYears, 0, 0),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true, IsCA: true, DNSNames: []string{"localhost"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	for _, at := range listen {
		if a, err := netip.ParseAddrPort(at); err == nil && !a.Addr().IsUnspecified() && !a.Addr().IsLoopback() {
			t.IPAddresses = append(t.IPAddresses, a.Addr().AsSlice())
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, t, t, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	pem.Encode(&out, &pem.Block{Type: "CERTIFICATE", Bytes: der})
	pem.Encode(&out, &pem.Block{Type: "PRIVATE KEY", Bytes: secret})
	return out.Bytes(), nil
}
