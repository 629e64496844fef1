package fetch

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"sync/atomic"

	"i2ptoolkit/pkg/reseed"
)

// stage is how far a request has come: a timeout means another thing in each.
type stage int32

const (
	resolving stage = iota
	connecting
	connected
	encrypted
	answered
)

func (s stage) String() string {
	return [...]string{
		"the name was not resolved", "no connection", "no end of the TLS handshake", "no answer", "no whole answer",
	}[s]
}

// request asks one server.
type request struct {
	cfg   Config
	url   *url.URL
	stage atomic.Int32
}

func (r *request) at() stage { return stage(r.stage.Load()) }

// reached notes a stage; those of a redirect's second connection do not lead back.
func (r *request) reached(s stage) {
	for {
		now := r.stage.Load()
		if now >= int32(s) || r.stage.CompareAndSwap(now, int32(s)) {
			return
		}
	}
}

// newRequest is the request for a server's bundle: <url>i2pseeds.su3?netid=N.
func newRequest(cfg Config, server string) (*request, error) {
	base, err := ParseServer(server)
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(base + File + "?netid=" + strconv.Itoa(cfg.NetID))
	if err != nil {
		return nil, fmt.Errorf("fetch: %w", err)
	}
	return &request{cfg: cfg, url: u}, nil
}

// do gives the answer's status and body; the status is 0 where there was none. A body of
// another status than 200 is not read.
func (r *request) do(ctx context.Context) (status int, header http.Header, body []byte, err error) {
	transport := r.transport()
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, CheckRedirect: r.checkRedirect}
	req, err := http.NewRequestWithContext(httptrace.WithClientTrace(ctx, r.trace()), http.MethodGet, r.url.String(), nil)
	if err != nil {
		return 0, nil, nil, err
	}
	req.Header.Set("User-Agent", UserAgent)
	req.Header.Set("Accept", "*/*")
	resp, err := client.Do(req)
	if err != nil {
		var wrapped *url.Error
		if errors.As(err, &wrapped) {
			err = wrapped.Err
		}
		return 0, nil, nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return resp.StatusCode, resp.Header, nil, nil
	}
	body, err = readBody(resp)
	return resp.StatusCode, resp.Header, body, err
}

// errTooLarge and errTruncated are what readBody finds.
var (
	errTooLarge  = fmt.Errorf("more than the %d bytes that a bundle may have", reseed.MaxBundle)
	errTruncated = errors.New("the answer is cut off")
)

func readBody(resp *http.Response) ([]byte, error) {
	if resp.ContentLength > reseed.MaxBundle {
		return nil, errTooLarge
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, reseed.MaxBundle+1))
	switch {
	case len(body) > reseed.MaxBundle:
		return nil, errTooLarge
	case errors.Is(err, io.ErrUnexpectedEOF) && resp.ContentLength > 0:
		return body, fmt.Errorf("%w after %d of %d bytes", errTruncated, len(body), resp.ContentLength)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return body, fmt.Errorf("%w after %d bytes", errTruncated, len(body))
	}
	return body, err
}

func (r *request) transport() *http.Transport {
	t := &http.Transport{
		DialContext:            r.dial,
		TLSClientConfig:        r.tls(),
		TLSHandshakeTimeout:    r.cfg.Timeout,
		DisableKeepAlives:      true,
		DisableCompression:     true,
		MaxResponseHeaderBytes: maxHeader,
		OnProxyConnectResponse: func(_ context.Context, _ *url.URL, _ *http.Request, resp *http.Response) error {
			if resp.StatusCode != http.StatusOK {
				return proxyStatus(resp.StatusCode)
			}
			return nil
		},
	}
	if r.cfg.Proxy != "" {
		if u, err := ParseProxy(r.cfg.Proxy); err == nil {
			t.Proxy = http.ProxyURL(u)
		}
	}
	return t
}

// proxyStatus is what a proxy answers instead of connecting.
type proxyStatus int

func (s proxyStatus) Error() string {
	if s == http.StatusProxyAuthRequired {
		return "it wants a user and a password: give them in its URL"
	}
	return fmt.Sprintf("it answers %d %s", int(s), http.StatusText(int(s)))
}

// dial connects, to the server or to the proxy, within a limit of its own: who drops packets
// must not hold us up for as long as a slow server may.
func (r *request) dial(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	conn, err := r.cfg.Dial(ctx, network, address)
	if err != nil {
		return nil, err
	}
	r.reached(connected)
	return conn, nil
}

func (r *request) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		ConnectStart:         func(string, string) { r.reached(connecting) },
		GotConn:              func(httptrace.GotConnInfo) { r.reached(encrypted) }, // or as plain as it was asked for
		GotFirstResponseByte: func() { r.reached(answered) },
	}
}

// errPin is that a server has another key than the one that is pinned.
var errPin = errors.New("its key is not the one that is pinned")

// tls trusts by the roots, or, for a host that is pinned, by its key alone.
func (r *request) tls() *tls.Config {
	c := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: r.cfg.RootCAs}
	if pin, ok := r.pin(); ok {
		c.InsecureSkipVerify = true
		c.VerifyConnection = func(s tls.ConnectionState) error { return r.verify(s, pin) }
	}
	return c
}

func (r *request) pin() (sum [32]byte, ok bool) {
	if sum, ok = r.cfg.Pins[r.url.Host]; !ok {
		sum, ok = r.cfg.Pins[r.url.Hostname()]
	}
	return sum, ok
}

// verify compares the key of the server. A proxy that speaks TLS is another matter; by its name
// it is known.
func (r *request) verify(s tls.ConnectionState, pin [32]byte) error {
	if s.ServerName != "" && s.ServerName != r.url.Hostname() {
		options := x509.VerifyOptions{Roots: r.cfg.RootCAs, DNSName: s.ServerName, Intermediates: x509.NewCertPool()}
		for _, c := range s.PeerCertificates[1:] {
			options.Intermediates.AddCert(c)
		}
		_, err := s.PeerCertificates[0].Verify(options)
		return err
	}
	if sha256.Sum256(s.PeerCertificates[0].RawSubjectPublicKeyInfo) != pin {
		return errPin
	}
	return nil
}

// checkRedirect follows a few redirects, as long as they neither lead out of TLS nor away from
// a host that is pinned.
func (r *request) checkRedirect(req *http.Request, via []*http.Request) error {
	_, pinned := r.pin()
	switch {
	case len(via) > maxRedirects:
		return redirectError{fmt.Sprintf("more than %d redirects", maxRedirects)}
	case req.URL.Scheme != "https":
		return redirectError{fmt.Sprintf("a redirect to %s://%s: only https is followed", req.URL.Scheme, req.URL.Host)}
	case pinned && req.URL.Host != r.url.Host:
		return redirectError{fmt.Sprintf("a redirect to %s: only %s is pinned", req.URL.Host, r.url.Host)}
	}
	return nil
}

type redirectError struct{ text string }

func (e redirectError) Error() string { return e.text }
