// Package fetch is the reseed client: it asks HTTPS servers for bundles of RouterInfos, checks
// who signed them, and says of each server what came of it and why.
package fetch

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"time"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/netdbdir"
	"i2ptoolkit/pkg/reseed"
)

// What the guide for reseed servers' operators has clients send.
const (
	UserAgent = "Wget/1.11.4"  // anything else is answered with 403
	File      = "i2pseeds.su3" // below the server's URL
)

// Limits of a request.
const (
	DefaultTimeout = 30 * time.Second // for the whole of it
	DefaultWant    = 100              // RouterInfos
	connectTimeout = 5 * time.Second  // to resolve the name, and to connect
	maxHeader      = 32 << 10
	maxRedirects   = 3
	// MaxAge is how old a server's bundle may be. Java I2P takes 30 days too.
	MaxAge = 30 * 24 * time.Hour
	// maxAhead is how far ahead of our clock a bundle may have been made.
	maxAhead = 2 * time.Hour
)

// How many servers are asked at once: two from the start, since two are needed to compare, and
// one more each time that none has answered for a while.
const (
	parallel    = 2
	maxParallel = 12
	patience    = 500 * time.Millisecond
)

// Config of a client. The zero value of a field takes what its comment says.
type Config struct {
	Servers []string      // URLs; nil: reseed.Servers()
	Trust   *reseed.Trust // signers; nil: reseed.TrustKnown()
	NetID   int           // of the RouterInfos; 0: 2, the public network
	Want    int           // RouterInfos that are enough; 0: DefaultWant
	Timeout time.Duration // for one server; 0: DefaultTimeout

	// Proxy is the URL of a SOCKS5 proxy (socks5:// or socks5h://, both of which let it resolve
	// the names) or of an HTTP one (http:// or https://, used with CONNECT); empty: none.
	Proxy   string
	RootCAs *x509.CertPool      // for TLS; nil: the system's
	Pins    map[string][32]byte // SHA-256 of the key (SPKI) by host: it alone counts there

	Known map[i2p.Hash]i2p.Date // what Fetch need not learn unless it is newer, and counts as there; may be nil
	Each  func(Report)          // is told of each server as soon as it is done with; may be nil
	// Open opens a source that is neither a directory nor a zip, and "-", whatever has that name;
	// nil: netdbdir.OpenFile, for who cannot wait for a pipe.
	Open func(path string) (io.ReadCloser, error)

	Now  func() time.Time                                                     // nil: time.Now
	Rand io.Reader                                                            // nil: crypto/rand
	Dial func(ctx context.Context, network, address string) (net.Conn, error) // nil: the Internet
}

// complete fills in what was left open, and checks what was not.
func (c Config) complete() (Config, error) {
	if c.Servers == nil {
		c.Servers = reseed.Servers()
	}
	if c.Trust == nil {
		c.Trust = reseed.TrustKnown()
	}
	or(&c.NetID, 2)
	or(&c.Want, DefaultWant)
	or(&c.Timeout, DefaultTimeout)
	if c.Each == nil {
		c.Each = func(Report) {}
	}
	if c.Open == nil {
		c.Open = func(path string) (io.ReadCloser, error) { return netdbdir.OpenFile(path) }
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Dial == nil {
		c.Dial = new(net.Dialer).DialContext
	}
	if c.Proxy != "" {
		if _, err := ParseProxy(c.Proxy); err != nil {
			return c, err
		}
	}
	return c, nil
}

func or[T comparable](field *T, standard T) {
	var zero T
	if *field == zero {
		*field = standard
	}
}

// ParseProxy checks a proxy's URL.
func ParseProxy(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" {
		return nil, fmt.Errorf("fetch: %q is no URL of a proxy, such as socks5://127.0.0.1:9050", text)
	}
	switch u.Scheme {
	case "socks5", "socks5h", "http", "https":
		return u, nil
	}
	return nil, fmt.Errorf("fetch: proxy %q: the scheme is none of socks5, socks5h, http, https", text)
}

// ParseServer checks a server's URL, and brings it into the form that ends in a slash; the
// bundle's name may be part of what is given.
func ParseServer(text string) (string, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" {
		return "", fmt.Errorf("fetch: %q is no URL of a reseed server, such as https://reseed.example.org/", text)
	}
	u.RawQuery, u.Fragment, u.RawFragment, u.ForceQuery = "", "", "", false
	u.Path = strings.TrimSuffix(strings.TrimSuffix(u.Path, File), "/") + "/"
	u.RawPath = ""
	return u.String(), nil
}

// ParsePin reads HOST=SHA256, the hash of a key in hex or in base64.
func ParsePin(text string) (host string, spki [32]byte, err error) {
	host, hash, _ := strings.Cut(text, "=")
	sum, err := hex.DecodeString(strings.ReplaceAll(hash, ":", ""))
	if err != nil {
		sum, err = base64.StdEncoding.DecodeString(hash)
	}
	if err != nil || len(sum) != len(spki) || host == "" {
		return "", spki, fmt.Errorf("fetch: %q is no HOST=SHA256, in hex or base64", text)
	}
	return host, [32]byte(sum), nil
}
