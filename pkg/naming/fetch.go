package naming

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"i2ptoolkit/pkg/i2p"
)

// Errors of feeds.
var (
	ErrFeedURL  = errors.New("a feed is http://NAME/PATH, its name one of .i2p")
	ErrTooLarge = errors.New("the feed is too large")
	ErrAnswer   = errors.New("the server has no feed there")
)

// Request asks for a feed, if it is another than the one that is known.
type Request struct{ URL, ETag, LastModified string }

// Response is a feed. Who gets one closes its Body, where there is one.
type Response struct {
	NotModified        bool
	ETag, LastModified string
	Body               io.ReadCloser
}

// Bounds of what a server may send.
const (
	maxFeed      = 64 << 20 // bytes of text; less than that on the wire
	maxHeader    = 64 << 10
	maxURL       = 1024
	maxTag       = 256 // of what is sent back to it
	maxRedirects = 3
	fetchTime    = 10 * time.Minute // for all of a feed
)

// userAgent is what Java I2P sends, and everybody through its proxy.
const userAgent = "MYOB/6.66 (AN/ON)"

// CheckFeed tells whether a URL can be a feed's: nothing but hosts within I2P is ever asked.
func CheckFeed(text string) error {
	_, err := feedURL(text)
	return err
}

func feedURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || len(text) > maxURL || u.Scheme != "http" || u.User != nil || u.Host == "" || u.Fragment != "" {
		return nil, ErrFeedURL
	}
	name, err := i2p.ParseName(u.Host)
	if err != nil || !strings.HasSuffix(strings.ToLower(u.Hostname()), ".i2p") {
		return nil, ErrFeedURL
	}
	if name.Kind == i2p.NameDestination || name.Kind == i2p.NameHash {
		return nil, ErrFeedURL // it would be sent as the Host
	}
	return u, nil
}

// Fetcher makes a Config's Fetch of what opens streams to hosts within I2P.
func Fetcher(dial func(ctx context.Context, host string, port uint16) (net.Conn, error)) func(context.Context, Request) (Response, error) {
	return func(ctx context.Context, req Request) (Response, error) {
		transport := &http.Transport{
			DialContext: func(ctx context.Context, _, address string) (net.Conn, error) {
				host, port, err := splitPort(address)
				if err != nil {
					return nil, err
				}
				c, err := dial(ctx, host, port)
				if err != nil {
					return nil, err
				}
				return &bounded{Conn: c, left: maxFeed}, nil
			},
			DisableKeepAlives:      true,
			MaxResponseHeaderBytes: maxHeader,
		}
		client := http.Client{Transport: transport, CheckRedirect: checkRedirect}
		return fetch(ctx, &client, req)
	}
}

func splitPort(address string) (host string, port uint16, err error) {
	host, text, err := net.SplitHostPort(address)
	if err != nil {
		return "", 0, err
	}
	n, err := strconv.ParseUint(text, 10, 16)
	return host, uint16(n), err
}

// checkRedirect lets nobody send us out of I2P, or around in it.
func checkRedirect(req *http.Request, via []*http.Request) error {
	if len(via) > maxRedirects {
		return fmt.Errorf("%w: it redirects more than %d times", ErrAnswer, maxRedirects)
	}
	if _, err := feedURL(req.URL.String()); err != nil {
		return fmt.Errorf("it redirects elsewhere: %w", err)
	}
	req.Header.Del("Referer")
	return nil
}

func fetch(ctx context.Context, client *http.Client, req Request) (Response, error) {
	u, err := feedURL(req.URL)
	if err != nil {
		return Response{}, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return Response{}, ErrFeedURL
	}
	r.Header.Set("User-Agent", userAgent)
	if req.ETag != "" {
		r.Header.Set("If-None-Match", req.ETag)
	}
	if req.LastModified != "" {
		r.Header.Set("If-Modified-Since", req.LastModified)
	}
	resp, err := client.Do(r) // it asks for gzip, and undoes it
	if err != nil {
		var at *url.Error
		if errors.As(err, &at) {
			err = at.Err // the URL is known
		}
		return Response{}, err
	}
	answer := Response{ETag: tag(resp.Header.Get("ETag")), LastModified: tag(resp.Header.Get("Last-Modified"))}
	switch resp.StatusCode {
	case http.StatusOK:
		if resp.ContentLength > maxFeed {
			resp.Body.Close()
			return Response{}, fmt.Errorf("%w: %d bytes", ErrTooLarge, resp.ContentLength)
		}
		answer.Body = limited{io.LimitReader(resp.Body, maxFeed+1), resp.Body, new(int64)}
		return answer, nil
	case http.StatusNotModified:
		resp.Body.Close()
		answer.NotModified = true
		return answer, nil
	}
	resp.Body.Close()
	return Response{}, fmt.Errorf("%w: status %d", ErrAnswer, resp.StatusCode)
}

// tag is what is sent back to a server the next time, where it is fit for that.
func tag(text string) string {
	if len(text) > maxTag || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) {
		return ""
	}
	return text
}

// limited is a body that fails where it is too large, so that it is not taken for a whole one.
type limited struct {
	io.Reader
	io.Closer
	n *int64
}

func (l limited) Read(b []byte) (int, error) {
	n, err := l.Reader.Read(b)
	if *l.n += int64(n); *l.n > maxFeed {
		return n, ErrTooLarge
	}
	return n, err
}

// bounded is a connection that gives no more than what a feed may have: what is compressed may
// become nothing for ever.
type bounded struct {
	net.Conn
	left int
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, ErrTooLarge
	}
	n, err := b.Conn.Read(p)
	b.left -= n
	return n, err
}
