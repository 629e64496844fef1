package fetch

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"math/big"
	"net"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// TestTLS: a server must be who it should be.
func TestTLS(t *testing.T) {
	s := valid(t, "one@mail.i2p")
	body := s.bundle(t, time.Now(), routers(t, 1, 5, 2))
	server, other := serve(t, gives(body)), serve(t, gives(body))
	plain := httptest.NewServer(gives(body))
	t.Cleanup(plain.Close)
	old := httptest.NewUnstartedServer(gives(body))
	old.TLS = &tls.Config{MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}
	old.Config.ErrorLog = log.New(io.Discard, "", 0)
	old.StartTLS()
	t.Cleanup(old.Close)
	_, port, _ := net.SplitHostPort(server.Listener.Addr().String())
	sum := sha256.Sum256(server.Certificate().RawSubjectPublicKeyInfo)
	for _, tt := range []struct {
		name, url string
		cfg       Config
		want      Result
		text      string
	}{
		{"by roots", server.URL, Config{RootCAs: roots(server)}, OK, ""},
		{"no root", server.URL, Config{RootCAs: x509.NewCertPool()}, TLS, "nobody whom we trust vouches for the certificate"},
		{"another name", "https://localhost:" + port, Config{RootCAs: roots(server)}, TLS, `the certificate is for another name: "example.com"`},
		{"pinned", server.URL, Config{RootCAs: x509.NewCertPool(), Pins: map[string][32]byte{"127.0.0.1": sum}}, OK, ""},
		{"pinned with port", server.URL, Config{RootCAs: x509.NewCertPool(), Pins: map[string][32]byte{"127.0.0.1:" + port: sum}}, OK, ""},
		{"pinned, another name", "https://localhost:" + port, Config{Pins: map[string][32]byte{"localhost": sum}}, OK, ""},
		{"another pinned", server.URL, Config{RootCAs: roots(server), Pins: map[string][32]byte{"127.0.0.1": {1}}}, TLS, "its key is not the one that is pinned"},
		{"not for this host", other.URL, Config{RootCAs: x509.NewCertPool(), Pins: map[string][32]byte{"example.org": sum}}, TLS, "nobody whom we trust"},
		{"no TLS", strings.Replace(plain.URL, "http:", "https:", 1), Config{}, TLS, "the server does not speak it"},
		{"TLS 1.1", old.URL, Config{RootCAs: roots(old)}, TLS, "protocol version"},
		{"plain HTTP as named", plain.URL, Config{}, OK, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.cfg.Trust = trustOf(t, s)
			report, _, _ := One(t.Context(), tt.cfg, tt.url)
			if report.Result != tt.want || !strings.Contains(report.Reason, tt.text) {
				t.Errorf("%+v, expected %s, %q", report, tt.want, tt.text)
			}
		})
	}
}

// TestCertificateDates: a clock that is wrong is the usual reason.
func TestCertificateDates(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(24 * time.Hour), NotAfter: time.Now().AddDate(1, 0, 0),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(gives(nil))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	report, _, _ := One(t.Context(), Config{RootCAs: roots(server)}, server.URL)
	if report.Result != TLS || !strings.Contains(report.Reason, "and this machine's clock says") {
		t.Errorf("%+v", report)
	}
	// The server's own clock is looked at all the same.
	if clock, err := ServerClock(t.Context(), Config{}, server.URL); err != nil || !clock.ClocksAgree() {
		t.Errorf("its clock: %+v, %v", clock, err)
	}
}
