package serve

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// writeCertificate makes a self-signed certificate for 127.0.0.1 and puts it into files.
func writeCertificate(tb testing.TB, dir, name string, notAfter time.Time) (certFile, keyFile string) {
	tb.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: testTime.AddDate(-20, 0, 0), NotAfter: notAfter,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}, &x509.Certificate{Subject: pkix.Name{CommonName: name}}, &k.PublicKey, k)
	if err != nil {
		tb.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		tb.Fatal(err)
	}
	certFile, keyFile = filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	for file, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: der}, keyFile: {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	return certFile, keyFile
}

// start serves at a loopback port until the test ends.
func start(tb testing.TB, s *Server) string {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithCancel(tb.Context())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l) }()
	tb.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			tb.Error(err)
		}
	})
	return l.Addr().String()
}

func tlsConfig() Config {
	cfg := testConfig()
	cfg.Limits.PerClient, cfg.Limits.Global, cfg.Limits.ConnsPerClient = Unlimited(), Unlimited(), 1000
	cfg.Timeouts.Shutdown = time.Second
	return cfg
}

// TestRouterRequest: routers of i2pd send the whole address, HTTP/1.0 and no Host, and
// read until the connection ends.
func TestRouterRequest(t *testing.T) {
	cfg := tlsConfig()
	cfg.TLS.CertFile, cfg.TLS.KeyFile = writeCertificate(t, t.TempDir(), "first", testTime.AddDate(1, 0, 0))
	at := start(t, newServer(t, cfg))
	c, err := tls.Dial("tcp", at, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2", "http/1.1"}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if p := c.ConnectionState().NegotiatedProtocol; p != "http/1.1" {
		t.Errorf("protocol %q", p)
	}
	fmt.Fprintf(c, "GET https://%s/i2pseeds.su3 HTTP/1.0\r\nUser-Agent: Wget/1.11.4\r\nConnection: close\r\n\r\n", at)
	b, err := io.ReadAll(c)
	if err != nil {
		t.Fatal(err)
	}
	head, body, ok := bytes.Cut(b, []byte("\r\n\r\n"))
	if !ok || !bytes.HasPrefix(head, []byte("HTTP/1.0 200 OK\r\n")) || bytes.Contains(head, []byte("chunked")) || !bytes.HasPrefix(body, []byte("I2Psu3")) {
		t.Errorf("%q", b)
	}
	if _, err := tls.Dial("tcp", at, &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS11}); err == nil {
		t.Error("TLS 1.1 is spoken")
	}
}

func TestCertificateReload(t *testing.T) {
	dir := t.TempDir()
	cfg := tlsConfig()
	cfg.TLS.CertFile, cfg.TLS.KeyFile = writeCertificate(t, dir, "first", testTime.AddDate(1, 0, 0))
	s := newServer(t, cfg)
	at := start(t, s)
	dial := func() (*tls.Conn, string) {
		t.Helper()
		c, err := tls.Dial("tcp", at, &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c, c.ConnectionState().PeerCertificates[0].Subject.CommonName
	}
	old, name := dial()
	if name != "first" {
		t.Error(name)
	}
	writeCertificate(t, dir, "second", testTime.AddDate(2, 0, 0))
	if err := s.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, name := dial(); name != "second" {
		t.Error(name)
	}
	fmt.Fprintf(old, "GET /i2pseeds.su3 HTTP/1.1\r\nHost: x\r\nUser-Agent: Wget/1.11.4\r\n\r\n")
	if r, err := http.ReadResponse(bufio.NewReader(old), nil); err != nil || r.StatusCode != 200 {
		t.Errorf("the connection from before: %v %v", r, err)
	}
	writeCertificate(t, dir, "expired", testTime.AddDate(0, 0, -1))
	if err := s.Reload(t.Context()); err == nil || !strings.Contains(err.Error(), "expired on 2026-11-21") {
		t.Error(err)
	}
	if err := os.WriteFile(cfg.TLS.CertFile, []byte("junk"), 0o600); err != nil {
		t.Fatal(err)
	}
	if s.Reload(t.Context()) == nil {
		t.Error("junk is taken for a certificate")
	}
	if _, name := dial(); name != "second" {
		t.Errorf("%s is served after certificates that are none", name)
	}
	if _, err := New(cfg); err == nil {
		t.Error("a server begins without its certificate")
	}
}

// TestReloadLosesNothing: while sets of other bundles and other certificates come and go,
// each request gets one whole bundle.
func TestReloadLosesNothing(t *testing.T) {
	dir := t.TempDir()
	cfg := tlsConfig()
	cfg.TLS.CertFile, cfg.TLS.KeyFile = writeCertificate(t, dir, "first", testTime.AddDate(1, 0, 0))
	var round atomic.Int64
	cfg.Bundles = func(context.Context) ([][]byte, error) {
		var set [][]byte
		n := round.Add(1)
		for range 3 + n%5 {
			set = append(set, append([]byte("I2Psu3"), bytes.Repeat([]byte{byte(n)}, 20_000)...))
		}
		return set, nil
	}
	s := newServer(t, cfg)
	at := start(t, s)
	var wait sync.WaitGroup
	var got atomic.Int64
	for i := range 8 {
		wait.Go(func() {
			tr := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: i%2 == 0}
			defer tr.CloseIdleConnections()
			for range 100 {
				if err := fetchOne(&http.Client{Transport: tr}, "https://"+at+Path); err != nil {
					t.Error(err)
					return
				}
				got.Add(1)
			}
		})
	}
	for range 50 {
		writeCertificate(t, dir, "next", testTime.AddDate(1, 0, 0))
		if err := s.Reload(t.Context()); err != nil {
			t.Error(err)
		}
	}
	wait.Wait()
	if got.Load() != 800 {
		t.Errorf("%d of 800 requests got their bundle", got.Load())
	}
}

// fetchOne gets a bundle of one set: all bytes behind the magic are the same.
func fetchOne(c *http.Client, url string) error {
	r, err := http.NewRequest("GET", url, nil)
	if err != nil {
		return err
	}
	r.Header.Set("User-Agent", UserAgent)
	resp, err := c.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != 200 || len(b) != 20_006 || bytes.Count(b[6:], b[6:7]) != 20_000 {
		return fmt.Errorf("%s: %d bytes, not one whole bundle", resp.Status, len(b))
	}
	return nil
}

// TestSlowLorisLoopback: who holds all the connections that it may have harms nobody else.
func TestSlowLorisLoopback(t *testing.T) {
	cfg := tlsConfig()
	cfg.TLS.CertFile, cfg.TLS.KeyFile = writeCertificate(t, t.TempDir(), "first", testTime.AddDate(1, 0, 0))
	cfg.Limits.ConnsPerClient = 10
	s := newServer(t, cfg)
	at := start(t, s)
	loris := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 66, 6, 1)}}
	for range 10 {
		c, err := loris.Dial("tcp", at)
		if err != nil {
			t.Skipf("!! SKIPPED: this system has no other loopback addresses than 127.0.0.1: %v", err)
		}
		defer c.Close()
		fmt.Fprint(c, "\x16\x03\x01") // begins a handshake and says no more
	}
	c, err := loris.Dial("tcp", at)
	if err == nil {
		_, err = c.Read(make([]byte, 1))
		c.Close()
	}
	if err == nil {
		t.Error("an eleventh connection is answered")
	}
	other, err := tls.Dial("tcp", at, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	fmt.Fprintf(other, "GET /i2pseeds.su3 HTTP/1.1\r\nHost: x\r\nUser-Agent: Wget/1.11.4\r\n\r\n")
	if r, err := http.ReadResponse(bufio.NewReader(other), nil); err != nil || r.StatusCode != 200 {
		t.Errorf("another client: %v %v", r, err)
	}
	if n := s.counts.refusedClient.Load(); n != 1 {
		t.Errorf("%d are counted as refused", n)
	}
}

// TestLogsWithoutAddresses: handshakes that fail are counted, and panics are told, without
// their clients.
func TestLogsWithoutAddresses(t *testing.T) {
	var b bytes.Buffer
	cfg := testConfig()
	cfg.Log = slog.New(slog.NewTextHandler(&b, &slog.HandlerOptions{Level: slog.LevelDebug}))
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	e := &errorLog{s}
	for _, line := range []string{
		"http: TLS handshake error from 192.0.2.77:5: EOF", "http: panic serving [2001:db8::77]:5: it broke\ngoroutine 7",
		"http: Accept error: accept tcp 127.0.0.1:8443: too many open files; retrying in 5ms", "http: something of 192.0.2.77",
	} {
		e.Write([]byte(line + "\n"))
	}
	text := b.String()
	if strings.Contains(text, "192.0.2") || strings.Contains(text, "2001:db8") || !strings.Contains(text, "it broke") || !strings.Contains(text, "too many open files") {
		t.Error(text)
	}
	if n := s.counts.tlsErrors.Load(); n != 1 {
		t.Errorf("%d handshakes are counted", n)
	}
	cfg.LogAddresses = true
	if s, err = New(cfg); err != nil {
		t.Fatal(err)
	}
	(&errorLog{s}).Write([]byte("http: TLS handshake error from 192.0.2.77:5: EOF\n"))
	if !strings.Contains(b.String(), "192.0.2.77") {
		t.Error("an operator who wants addresses has none")
	}
}

// TestServeEnds: a listener that breaks ends Serve with an error.
func TestServeEnds(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	if err := newServer(t, testConfig()).Serve(t.Context(), l); !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
}
