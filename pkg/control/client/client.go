// Package client asks a running router over its Unix socket. It is the typed counterpart
// of control/server, and the only way in which the tools reach a router.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"syscall"
	"time"

	"i2ptoolkit/pkg/control"
)

var (
	// ErrNoRouter says that nothing answers at the socket.
	ErrNoRouter = errors.New("no router answers")
	// ErrForbidden says that the socket is there, and another user's.
	ErrForbidden = errors.New("the socket may not be used")
)

// maxLine bounds a line of an answer: a netDb record or an event.
const maxLine = 1 << 20

// Client speaks to the router at one socket. It is safe for use by several goroutines.
type Client struct {
	path string
	http *http.Client
}

// New returns a Client of the socket at path. It does not connect yet.
func New(path string) *Client {
	c := &Client{path: path}
	c.http = &http.Client{Transport: &http.Transport{
		DialContext:            func(ctx context.Context, _, _ string) (net.Conn, error) { return c.dial(ctx) },
		DisableCompression:     true,
		MaxIdleConnsPerHost:    4,
		IdleConnTimeout:        30 * time.Second,
		MaxResponseHeaderBytes: 16 << 10,
	}}
	return c
}

// Close lets idle connections go.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Path is where the Client looks for the router.
func (c *Client) Path() string { return c.path }

func (c *Client) dial(ctx context.Context) (*net.UnixConn, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", c.path)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		var no syscall.Errno
		if errors.As(err, &no) {
			err = no
		}
		if len(c.path) > control.MaxSocketPath {
			err = fmt.Errorf("it has %d bytes, the path of a socket %d at most", len(c.path), control.MaxSocketPath)
		}
		if info, statErr := os.Stat(c.path); statErr == nil && info.Mode().Type() != fs.ModeSocket {
			err = errors.New("it is no socket")
		}
		if errors.Is(err, fs.ErrPermission) {
			return nil, fmt.Errorf("%w: %s: %w", ErrForbidden, c.path, err)
		}
		return nil, fmt.Errorf("%w at %s: %w", ErrNoRouter, c.path, err)
	}
	return conn.(*net.UnixConn), nil
}

// Answers tells whether there is a router at the socket now. One that is too busy to take
// the connection, or does not before ctx ends, is there.
func (c *Client) Answers(ctx context.Context) bool {
	conn, err := c.dial(ctx)
	if err != nil {
		return !errors.Is(err, syscall.ENOENT) && !errors.Is(err, syscall.ECONNREFUSED)
	}
	conn.Close()
	return true
}

// Status asks how the router is.
func (c *Client) Status(ctx context.Context) (control.Status, error) {
	return get[control.Status](ctx, c, "/v1/status", nil)
}

// Peers lists the sessions with other routers.
func (c *Client) Peers(ctx context.Context) ([]control.Peer, error) {
	return get[[]control.Peer](ctx, c, "/v1/peers", nil)
}

// Tunnels lists the tunnels that the router made or takes part in.
func (c *Client) Tunnels(ctx context.Context) ([]control.Tunnel, error) {
	return get[[]control.Tunnel](ctx, c, "/v1/tunnels", nil)
}

// Transports lists the transports.
func (c *Client) Transports(ctx context.Context) ([]control.Transport, error) {
	return get[[]control.Transport](ctx, c, "/v1/transports", nil)
}

// Doctor tells what keeps the router from its work.
func (c *Client) Doctor(ctx context.Context) ([]control.Finding, error) {
	return get[[]control.Finding](ctx, c, "/v1/doctor", nil)
}

// Doors lists the servers for applications, and who is connected.
func (c *Client) Doors(ctx context.Context) ([]control.Door, error) {
	return get[[]control.Door](ctx, c, "/v1/doors", nil)
}

// Metrics copies what the router counts to w, in the Prometheus text format.
func (c *Client) Metrics(ctx context.Context, w io.Writer) error {
	resp, err := c.do(ctx, http.MethodGet, "/v1/metrics", nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return broken(ctx, err)
	}
	_, err = w.Write(text)
	return err
}

// Wait returns once the state stands: control.WaitReady or control.WaitTunnels.
func (c *Client) Wait(ctx context.Context, state string) (control.Status, error) {
	return get[control.Status](ctx, c, "/v1/wait", url.Values{"for": {state}})
}

// LogLevel asks for the level.
func (c *Client) LogLevel(ctx context.Context) (string, error) {
	l, err := get[control.LogLevel](ctx, c, "/v1/log-level", nil)
	return l.Level, err
}

// ChangeLogLevel changes the level until the router stops.
func (c *Client) ChangeLogLevel(ctx context.Context, level string) error {
	_, err := ask[control.LogLevel](ctx, c, http.MethodPut, "/v1/log-level", control.LogLevel{Level: level})
	return err
}

// Reload makes the router read its configuration again, and says what changed.
func (c *Client) Reload(ctx context.Context) (control.Reloaded, error) {
	return ask[control.Reloaded](ctx, c, http.MethodPost, "/v1/reload", struct{}{})
}

// Reseed asks for RouterInfos now: from servers' URLs and absolute paths, or as the router's
// configuration has it. It returns when that is done; what it brought may be nothing.
func (c *Client) Reseed(ctx context.Context, sources []string) (control.Reseed, error) {
	return ask[control.Reseed](ctx, c, http.MethodPost, "/v1/reseed", control.ReseedNow{Sources: sources})
}

// Stop begins a stop that gives what is open some seconds to end.
func (c *Client) Stop(ctx context.Context) error { return c.stop(ctx, control.Stop{}) }

// StopGracefully begins a stop that first lets the tunnels run out that others have through the router.
func (c *Client) StopGracefully(ctx context.Context) error {
	return c.stop(ctx, control.Stop{Graceful: true})
}

// StopNow begins a stop that waits for nobody.
func (c *Client) StopNow(ctx context.Context) error { return c.stop(ctx, control.Stop{Now: true}) }

func (c *Client) stop(ctx context.Context, how control.Stop) error {
	_, err := ask[struct{}](ctx, c, http.MethodPost, "/v1/stop", how)
	return err
}

// Lookup asks for one netDb record.
func (c *Client) Lookup(ctx context.Context, req control.Lookup) (control.Record, error) {
	return ask[control.Record](ctx, c, http.MethodPost, "/v1/lookup", req)
}

// Trace asks for one as Lookup does, and for how that went. That it was not found is no error
// here: the Trace says so.
func (c *Client) Trace(ctx context.Context, req control.Lookup) (control.Trace, error) {
	return ask[control.Trace](ctx, c, http.MethodPost, "/v1/trace", req)
}

// Store has the router store an entry that is not its own, and says at whom. That nobody has
// taken it is no error here: the Stored says so.
func (c *Client) Store(ctx context.Context, req control.Store) (control.Stored, error) {
	return ask[control.Stored](ctx, c, http.MethodPost, "/v1/store", req)
}

// Explore has the router look for others that it does not know, and says what that brought.
func (c *Client) Explore(ctx context.Context, req control.Explore) (control.Explored, error) {
	return ask[control.Explored](ctx, c, http.MethodPost, "/v1/explore", req)
}

// NetDB hands every stored record of one kind to each, in the order of their hashes.
func (c *Client) NetDB(ctx context.Context, kind string, each func(control.Record) error) error {
	return lines(ctx, c, http.MethodGet, "/v1/netdb?"+url.Values{"kind": {kind}}.Encode(), nil, each)
}

// Events hands each event to each until ctx ends, each fails or the router stops. It calls following once the router tells them.
func (c *Client) Events(ctx context.Context, following func(), each func(control.Event) error) error {
	resp, err := c.do(ctx, http.MethodGet, "/v1/events", nil)
	if err != nil {
		return err
	}
	following()
	return eachLine(ctx, resp, each)
}

func get[T any](ctx context.Context, c *Client, path string, query url.Values) (T, error) {
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	return ask[T](ctx, c, http.MethodGet, path, nil)
}

// ask sends one request and reads one JSON value.
func ask[T any](ctx context.Context, c *Client, method, path string, body any) (T, error) {
	var v, zero T
	resp, err := c.do(ctx, method, path, body)
	if err != nil {
		return zero, err
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&v); err != nil {
		return zero, broken(ctx, err)
	}
	return v, nil
}

func lines[T any](ctx context.Context, c *Client, method, path string, body any, each func(T) error) error {
	resp, err := c.do(ctx, method, path, body)
	if err != nil {
		return err
	}
	return eachLine(ctx, resp, each)
}

// eachLine gives the values of an answer to each, until it ends.
func eachLine[T any](ctx context.Context, resp *http.Response, each func(T) error) error {
	defer resp.Body.Close()
	for d := json.NewDecoder(resp.Body); ; {
		var v T
		if err := d.Decode(&v); err == io.EOF {
			return nil
		} else if err != nil {
			return broken(ctx, err)
		}
		if err := each(v); err != nil {
			return err
		}
	}
}

// do sends a request. The answer has status 200 or 202; any other is returned as the
// *control.Error in its body.
func (c *Client) do(ctx context.Context, method, path string, body any) (*http.Response, error) {
	req, err := newRequest(ctx, method, path, body)
	if err != nil {
		return nil, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err
		}
		return nil, broken(ctx, err)
	}
	if resp.StatusCode >= 300 {
		defer resp.Body.Close()
		return nil, failure(resp)
	}
	return resp, nil
}

func newRequest(ctx context.Context, method, path string, body any) (*http.Request, error) {
	var b []byte
	if body != nil {
		var err error
		if b, err = json.Marshal(body); err != nil {
			return nil, fmt.Errorf("control: %w", err)
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://router"+path, bytes.NewReader(b))
	if err != nil {
		return nil, fmt.Errorf("control: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	return req, nil
}

// failure reads the error that an answer carries.
func failure(resp *http.Response) error {
	var e control.Error
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxLine)).Decode(&e); err != nil || e.Code == "" {
		return control.Errorf(control.Internal, "the socket answers %s: is it a router's?", resp.Status)
	}
	return &e
}

// broken says why an exchange was cut: the caller's context first.
func broken(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, ErrNoRouter), errors.Is(err, ErrForbidden):
		return err
	}
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return fmt.Errorf("%w: what answers speaks no JSON: is the socket a router's?", ErrNoRouter)
	}
	return fmt.Errorf("%w: the connection broke: %w", ErrNoRouter, err)
}
