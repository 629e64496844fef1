package fetch

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"time"

	"i2ptoolkit/pkg/reseed"
	"i2ptoolkit/pkg/su3"
	"i2ptoolkit/pkg/words"
)

// explain turns the error of a request into a result and a line for people. The line names no
// server, so that what holds for several can be said once.
func (r *request) explain(err error) (Result, string) {
	result, text := r.explainNetwork(err)
	if r.cfg.Proxy == "" || result == Cancelled {
		return result, text
	}
	var op *net.OpError
	var status proxyStatus
	switch {
	case r.at() < connected, errors.As(err, &status):
		return Proxy, "proxy: " + text
	case !errors.As(err, &op) || (op.Op != "proxyconnect" && op.Op != "socks connect"):
		return result, text
	case isTimeout(err):
		return Proxy, fmt.Sprintf("proxy: it does not reach the server within %v", r.cfg.Timeout)
	}
	return Proxy, "proxy: " + text
}

func (r *request) explainNetwork(err error) (Result, string) {
	var (
		dns      *net.DNSError
		redirect redirectError
	)
	switch {
	case errors.Is(err, context.Canceled):
		return Cancelled, "broken off"
	case errors.As(err, &dns):
		return DNS, explainDNS(dns)
	case errors.Is(err, syscall.ETIMEDOUT) && r.at() < connected:
		return Timeout, "connection timed out"
	case isTimeout(err):
		return r.explainTimeout()
	case errors.As(err, &redirect):
		return Redirect, redirect.text
	case errors.Is(err, errTooLarge):
		return TooLarge, err.Error()
	case errors.Is(err, errTruncated):
		return Truncated, err.Error()
	case errors.Is(err, syscall.ECONNREFUSED):
		return Refused, "connection refused"
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETDOWN),
		errors.Is(err, syscall.EADDRNOTAVAIL):
		return NoRoute, innermost(err).Error() // "network is unreachable", "no route to host"
	}
	if text := r.explainTLS(err); text != "" {
		return TLS, text
	}
	if errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return Broken, "the connection broke: " + r.at().String()
	}
	if r.at() < connected {
		return Local, innermost(err).Error()
	}
	return Broken, innermost(err).Error()
}

func isTimeout(err error) bool {
	var t net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) || errors.As(err, &t) && t.Timeout()
}

func (r *request) explainTimeout() (Result, string) {
	at := r.at()
	if at < connected {
		return Timeout, fmt.Sprintf("%v within %v", at, min(connectTimeout, r.cfg.Timeout))
	}
	return Stalled, fmt.Sprintf("%v within %v", at, r.cfg.Timeout)
}

func explainDNS(err *net.DNSError) string {
	switch {
	case err.IsNotFound:
		return "DNS: there is no such name"
	case err.IsTimeout:
		return "DNS: no answer in time"
	}
	text := err.Err
	if i := strings.LastIndex(text, ": "); i >= 0 { // "dial udp 192.0.2.1:53: connect: network is unreachable"
		text = text[i+2:]
	}
	return "DNS: the name cannot be resolved: " + text
}

// explainTLS is empty where the error is none of TLS.
func (r *request) explainTLS(err error) string {
	var (
		host    x509.HostnameError
		unknown x509.UnknownAuthorityError
		invalid x509.CertificateInvalidError
		record  tls.RecordHeaderError
		alert   tls.AlertError
		verify  *tls.CertificateVerificationError
	)
	switch {
	case errors.Is(err, errPin):
		return "TLS: " + errPin.Error()
	case errors.As(err, &host):
		return "TLS: the certificate is for another name: " + certificateNames(host.Certificate)
	case errors.As(err, &unknown):
		return "TLS: nobody whom we trust vouches for the certificate"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return fmt.Sprintf("TLS: the certificate holds from %s to %s, and this machine's clock says %s",
			invalid.Cert.NotBefore.UTC().Format(time.DateOnly), invalid.Cert.NotAfter.UTC().Format(time.DateOnly), time.Now().UTC().Format(time.DateOnly))
	case errors.As(err, &verify):
		return "TLS: " + innermost(verify).Error()
	case errors.As(err, &record), strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		return "TLS: the server does not speak it"
	case errors.As(err, &alert):
		return "TLS: the server refuses: " + alert.Error()
	case strings.HasPrefix(innermost(err).Error(), "tls: "):
		return "TLS: " + strings.TrimPrefix(innermost(err).Error(), "tls: ")
	}
	return ""
}

// certificateNames lists a few of a certificate's names, which a stranger chose.
func certificateNames(c *x509.Certificate) string {
	names := c.DNSNames
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	if len(names) == 0 {
		names = []string{c.Subject.CommonName}
	}
	var out []string
	for _, n := range names[:min(3, len(names))] {
		out = append(out, fmt.Sprintf("%.60q", n))
	}
	return strings.Join(out, ", ")
}

// innermost is what lies beneath all wrappings.
func innermost(err error) error {
	for {
		next := errors.Unwrap(err)
		if next == nil {
			return err
		}
		err = next
	}
}

// explainStatus says what reseed servers mean by their answers.
func (r *request) explainStatus(status int, header http.Header) string {
	text := map[int]string{
		http.StatusBadRequest:         fmt.Sprintf("the server does not serve network %d, or does not understand us", r.cfg.NetID),
		http.StatusForbidden:          "the server does not serve our address, or our user agent",
		http.StatusNotFound:           "there is no bundle at this URL",
		http.StatusTeapot:             "the server takes us for a crawler or a browser",
		http.StatusTooManyRequests:    "our network asked too often",
		http.StatusServiceUnavailable: "the server is overloaded, or has no bundles now",
	}[status]
	switch {
	case text != "":
	case status >= 300 && status < 400:
		text = "a redirect to nowhere"
	case status >= 500:
		text = "the server is broken, or what stands before it"
	default:
		text = strings.ToLower(http.StatusText(status))
	}
	text = fmt.Sprintf("HTTP %d: %s", status, strings.TrimSpace(text))
	if after := header.Get("Retry-After"); after != "" && len(after) < 40 {
		text += fmt.Sprintf(" (retry after %.40q)", after)
	}
	return text
}

// explainBody finds what is no su3 file before it is taken for a damaged one.
func explainBody(body []byte, header http.Header) (Result, string) {
	start := bytes.TrimSpace(words.Unmarked(body[:min(len(body), 512)]))
	switch {
	case bytes.HasPrefix(body, []byte("I2Psu3")):
		return "", ""
	case len(body) == 0:
		return NotSU3, "an empty answer"
	case bytes.HasPrefix(start, []byte("<")), strings.HasPrefix(header.Get("Content-Type"), "text/html"):
		return NotSU3, "a web page, not a bundle: a page for browsers, or one for logging in to this network"
	case bytes.HasPrefix(body, []byte("PK\x03\x04")):
		return NotSU3, "a zip that nobody signed, not a su3 file"
	}
	return NotSU3, fmt.Sprintf("not a su3 file: it begins with %q", body[:min(len(body), 8)])
}

// explainBundle says why a bundle was refused.
func explainBundle(err error) (Result, string) {
	result := Malformed
	for _, c := range []struct {
		err    error
		result Result
	}{
		{reseed.ErrUnknownSigner, Signer}, {reseed.ErrExpired, Expired}, {reseed.ErrHostile, Hostile},
		{su3.ErrSignature, Signature}, {su3.ErrTruncated, Truncated},
	} {
		if errors.Is(err, c.err) {
			result = c.result
			break
		}
	}
	text := err.Error()
	for _, prefix := range []string{"reseed: ", "su3: ", "fetch: "} {
		text = strings.TrimPrefix(text, prefix)
	}
	return result, text
}
