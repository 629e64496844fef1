// Package serve hands out reseed bundles over HTTP: one file, /i2pseeds.su3, of which
// every client network is always given the same one of many. To it a bundle is a row of
// bytes; who builds and signs bundles is no matter of this package.
//
// A client is told why it gets nothing: each refusal has a status and a line of text of
// its own. What a stranger can make the server hold (connections, headers, the memory of
// who asked how often) has a limit and a counter.
package serve

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"time"
)

const (
	// Path is the file that routers ask for.
	Path = "/i2pseeds.su3"
	// UserAgent is what routers call themselves when they reseed. The guide for
	// operators has anything else refused, which keeps crawlers and browsers out.
	UserAgent = "Wget/1.11.4"

	minSalt = 16
)

// Source makes or reads a whole set of bundles. It is called in the background while the
// set before it is served, by one goroutine at a time.
type Source func(ctx context.Context) ([][]byte, error)

// Rate is N in each Per, of which all N may come at once. The zero Rate takes the
// default of its field; a negative N is no limit.
type Rate struct {
	N   int
	Per time.Duration
}

// Unlimited is the Rate that is no limit.
func Unlimited() Rate { return Rate{N: -1} }

func (r Rate) String() string {
	if r.N < 0 {
		return "unlimited"
	}
	return fmt.Sprintf("%d in %v", r.N, r.Per)
}

// Config of a Server. The zero value of a field takes what its comment says.
type Config struct {
	Bundles Source        // required; Directory is one
	Rebuild time.Duration // Run calls Reload this often; 0: never by itself
	Salt    []byte        // of the choice of bundles, at least 16 bytes, the same after a restart: LoadSalt

	NetID      int      // of the bundles; 0: 2, the live network
	UserAgents []string // that are served; nil: UserAgent alone; with "*" any

	Limits   Limits
	Timeouts Timeouts
	Proxies  Proxies
	Block    Block
	TLS      TLS

	Log          *slog.Logger // what happens to the server; nil: nothing
	Access       *slog.Logger // one line for each request; nil: none
	LogAddresses bool         // clients' addresses in those lines; off, for the operators' policy forbids to keep them

	Now func() time.Time // nil: time.Now
}

// Limits of what clients get. A client network is what the first bits of an address name.
type Limits struct {
	PerClient Rate // bundles for one client network; 12 an hour
	Global    Rate // bundles for all together; 200 in 10 s, which is some 1.5 MB/s
	V4Bits    int  // of an IPv4 address are a client network; 24
	V6Bits    int  // the same of IPv6; 48, which is what anybody gets for nothing
	Networks  int  // client networks that are remembered; 131,072

	Conns          int // open at once; 4,096
	ConnsPerClient int // of one client network, but a trusted proxy's; 32
}

// Proxies before the server, which say for whom they ask.
type Proxies struct {
	Trusted []netip.Prefix // those that are believed
	Header  string         // in which they say it: X-Forwarded-For (the default) or Forwarded, never both
}

// Block is which clients get nothing.
type Block struct {
	Prefixes []netip.Prefix
	Files    []string // with one such prefix a line, read again by Reload
}

// TLS is what the server shows clients, read again by Reload. Both empty: plain HTTP, for use
// behind a proxy.
type TLS struct{ CertFile, KeyFile string }

// Timeouts of a connection.
type Timeouts struct {
	Header   time.Duration // TLS handshake, and the whole request after it; 10 s
	Write    time.Duration // the answer; 2 min, 75 kB at 5 kbit/s
	Idle     time.Duration // between two requests; 15 s
	Shutdown time.Duration // requests under way get this long when the server ends; 10 s
}

// forwarding headers that are understood.
const (
	xForwardedFor = "X-Forwarded-For"
	forwarded     = "Forwarded"
)

func (c *Config) complete() error {
	if c.Bundles == nil {
		return errors.New("serve: a source of bundles is expected, there is none")
	}
	if len(c.Salt) < minSalt {
		return fmt.Errorf("serve: a salt of at least %d bytes is expected, it has %d", minSalt, len(c.Salt))
	}
	if (c.TLS.CertFile == "") != (c.TLS.KeyFile == "") {
		return errors.New("serve: a TLS certificate and its key are expected together, only one of them is given")
	}
	or(&c.NetID, 2)
	or(&c.Proxies.Header, xForwardedFor)
	c.Limits.complete()
	c.Timeouts.complete()
	if c.UserAgents == nil {
		c.UserAgents = []string{UserAgent}
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	c.Block.Prefixes, c.Proxies.Trusted = slices.Clone(c.Block.Prefixes), slices.Clone(c.Proxies.Trusted)
	return c.check()
}

func (c *Config) check() error {
	if err := c.Limits.check(); err != nil {
		return err
	}
	if h := c.Proxies.Header; h != xForwardedFor && h != forwarded {
		return fmt.Errorf("serve: the header %s or %s is expected, it is %q", xForwardedFor, forwarded, h)
	}
	if len(c.UserAgents) == 0 {
		return errors.New("serve: at least one user agent is expected, there is none; * is any")
	}
	if c.NetID < 1 {
		return fmt.Errorf("serve: a number above 0 is expected for the network, it is %d", c.NetID)
	}
	if t := c.Timeouts; min(t.Header, t.Write, t.Idle, t.Shutdown) < 0 || c.Rebuild < 0 {
		return errors.New("serve: times above 0 are expected, one is below")
	}
	return nil
}

func (l *Limits) complete() {
	or(&l.PerClient, Rate{12, time.Hour})
	or(&l.Global, Rate{200, 10 * time.Second})
	or(&l.V4Bits, 24)
	or(&l.V6Bits, 48)
	or(&l.Networks, 1<<17)
	or(&l.Conns, 4096)
	or(&l.ConnsPerClient, 32)
}

func (l Limits) check() error {
	for _, r := range []Rate{l.PerClient, l.Global} {
		if r.N >= 0 && (r.N == 0 || r.Per < time.Duration(r.N) || r.Per > maxPer) {
			return fmt.Errorf("serve: a rate of some in at most %v is expected, it is %v", maxPer, r)
		}
	}
	if l.V4Bits < 1 || l.V4Bits > 32 || l.V6Bits < 1 || l.V6Bits > 128 {
		return fmt.Errorf("serve: client networks of 1 to 32 bits of IPv4 and 1 to 128 of IPv6 are expected, they have %d and %d", l.V4Bits, l.V6Bits)
	}
	for _, n := range []int{l.Networks, l.Conns, l.ConnsPerClient} {
		if n < 1 {
			return fmt.Errorf("serve: numbers above 0 are expected for the limits, one is %d", n)
		}
	}
	return nil
}

func (t *Timeouts) complete() {
	or(&t.Header, 10*time.Second)
	or(&t.Write, 2*time.Minute)
	or(&t.Idle, 15*time.Second)
	or(&t.Shutdown, 10*time.Second)
}

// maxPer keeps the sums of the limiter far from overflow.
const maxPer = 30 * 24 * time.Hour

func or[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
