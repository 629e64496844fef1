//go:build linux

package interop

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"i2ptoolkit/pkg/control"
)

// Router is an i2p-router of ours.
type Router struct {
	*Process
	Name    string
	Addr    netip.Addr
	Host    int // on a wide-area network
	DataDir string
	Socket  string

	ns       *Namespace
	programs *programs // that use it
	start    func() (*Process, error)
}

// RouterConfig describes one of our routers.
type RouterConfig struct {
	Name      string
	NoTransit bool // it carries nothing for others, so it is no hop of anybody's tunnel
	Floodfill bool
	Hops      int    // length of exploratory tunnels; 0: 2
	Alone     bool   // it knows no router at its start
	Knows     int    // so many of those that run; 0: all
	Finds     bool   // it is not told its address
	Both      bool   // it publishes both addresses of its host on a wide-area network
	LogLevel  string // default info
	TOML      string // further settings
}

// StartRouter starts one of our routers, which knows the routers that run so far.
func (n *Network) StartRouter(cfg RouterConfig) (*Router, error) {
	binary, err := Binary("i2p-router")
	if err != nil {
		return nil, err
	}
	place, err := n.place()
	if err != nil {
		return nil, err
	}
	r := &Router{Name: cfg.Name, Addr: place.addr, Host: place.host, DataDir: filepath.Join(n.Dir, cfg.Name), ns: place.ns, programs: n.programs}
	r.Socket = filepath.Join(r.DataDir, "router.sock")
	hops := cmp.Or(cfg.Hops, 2)
	toml := fmt.Sprintf("[exploratory]\nin_length = %d\nout_length = %d\n", hops, hops)
	if cfg.NoTransit {
		toml += "[transit]\nmax_tunnels = 0\n"
	}
	toml += cfg.TOML
	file := filepath.Join(n.Dir, cfg.Name+".toml")
	if err := os.WriteFile(file, []byte(toml), 0o600); err != nil {
		return nil, fmt.Errorf("interop: %w", err)
	}
	args := []string{
		"run", "--config", file, "--dir", r.DataDir, "--socket", r.Socket, "--netid", fmt.Sprint(NetID), "--testnet",
		"--port", fmt.Sprint(place.port), "--log-level", cmp.Or(cfg.LogLevel, "info"),
	}
	if !cfg.Finds {
		args = append(args, "--host", r.Addr.String())
	}
	if cfg.Both {
		_, v6 := n.far.WAN.Addrs(place.host)
		args = append(args, "--host", v6.String())
	}
	if !cfg.Alone {
		bootstrap, err := n.bootstrap(cfg.Knows)
		if err != nil {
			return nil, err
		}
		args = append(args, "--bootstrap", bootstrap)
	}
	if cfg.Floodfill {
		args = append(args, "--floodfill")
	}
	r.start = func() (*Process, error) {
		p, _, err := place.ns.Start(Command{
			Name: cfg.Name, Path: binary, Args: args, Log: filepath.Join(n.Dir, cfg.Name+".log"), Env: n.programs.environment(),
		})
		return p, err
	}
	if r.Process, err = r.start(); err != nil {
		return nil, err
	}
	n.Routers = append(n.Routers, r)
	return r, nil
}

// Restart kills the router, and starts it again with what it left.
func (r *Router) Restart() (err error) {
	r.Kill()
	r.Process, err = r.start()
	return err
}

// Tool runs one of our programs at this router to its end, for what it prints.
func (r *Router) Tool(ctx context.Context, name string, args ...string) ([]byte, error) {
	return r.programs.output(ctx, name, append(args, "--socket", r.Socket)...)
}

// AwaitSocket waits until the control socket answers and says how long that took from the start.
func (r *Router) AwaitSocket(ctx context.Context) (time.Duration, error) {
	for {
		c, err := new(net.Dialer).DialContext(ctx, "unix", r.Socket)
		if err == nil {
			c.SetDeadline(time.Now().Add(5 * time.Second))
			fmt.Fprint(c, "GET /v1/status HTTP/1.0\r\n\r\n")
			k, _ := c.Read(make([]byte, 16))
			c.Close()
			if k > 0 {
				return time.Since(r.Started), nil
			}
		}
		select {
		case <-r.Exited():
			return 0, fmt.Errorf("interop: %s has ended: %s", r.Name, r.LogTail(3))
		case <-ctx.Done():
			return 0, fmt.Errorf("interop: %s: the control socket does not answer: %w", r.Name, ctx.Err())
		case <-time.After(time.Millisecond):
		}
	}
}

// AwaitTunnels waits until the router's exploratory tunnels stand.
func (r *Router) AwaitTunnels(ctx context.Context, limit time.Duration) error {
	if _, err := r.AwaitSocket(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, limit+10*time.Second)
	defer cancel()
	_, err := r.ask(ctx, "wait", "--for", "tunnels", "--timeout", limit.String())
	return err
}

// Status asks with i2p-router status --json.
func (r *Router) Status(ctx context.Context) (s control.Status, err error) {
	b, err := r.ask(ctx, "status", "--json")
	if err == nil {
		err = json.Unmarshal(b, &s)
	}
	return s, err
}

// Tunnels asks with i2p-router tunnels --json, which gives one object a line.
func (r *Router) Tunnels(ctx context.Context) (ts []control.Tunnel, err error) {
	b, err := r.ask(ctx, "tunnels", "--json")
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(b)) {
		var t control.Tunnel
		if err := json.Unmarshal([]byte(line), &t); err != nil {
			return nil, fmt.Errorf("interop: %s: tunnels: %w", r.Name, err)
		}
		ts = append(ts, t)
	}
	return ts, nil
}

// Peers asks with i2p-router peers --json for the sessions that stand.
func (r *Router) Peers(ctx context.Context) (ps []control.Peer, err error) {
	b, err := r.ask(ctx, "peers", "--json")
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(b)) {
		var p control.Peer
		if err := json.Unmarshal([]byte(line), &p); err != nil {
			return nil, fmt.Errorf("interop: %s: peers: %w", r.Name, err)
		}
		ps = append(ps, p)
	}
	return ps, nil
}

// Transit gives the number of transit tunnels and the bytes that the standing ones have carried.
func (r *Router) Transit(ctx context.Context) (count int, bytes uint64, err error) {
	ts, err := r.Tunnels(ctx)
	for _, t := range ts {
		if t.Kind == "transit" {
			count++
			bytes += t.Bytes
		}
	}
	return count, bytes, err
}

func (r *Router) ask(ctx context.Context, args ...string) ([]byte, error) {
	return r.programs.output(ctx, "i2p-router", append(args, "--socket", r.Socket)...)
}

// RouterInfo reads the router.info that the router publishes.
func (r *Router) RouterInfo() ([]byte, error) {
	return os.ReadFile(filepath.Join(r.DataDir, "router.info"))
}

// Hash is the router's hash in I2P base64.
func (r *Router) Hash() (string, error) {
	b, err := r.RouterInfo()
	if err != nil {
		return "", err
	}
	return identHash(b)
}

// Tunnel is an i2p-tunnel connect or listen: its standard input and output are the stream.
type Tunnel struct {
	*Process
	*Stdio
}

// Close kills the program.
func (t *Tunnel) Close() error {
	t.Process.Kill()
	return t.Stdio.Close()
}

// tunnel runs i2p-tunnel at this router.
func (r *Router) tunnel(verb string, args ...string) (*Tunnel, error) {
	p, s, err := r.programs.start("i2p-tunnel", r.Name+"-"+verb, true, append([]string{verb, "--socket", r.Socket}, args...)...)
	if err != nil {
		return nil, err
	}
	return &Tunnel{p, s}, nil
}

// Connect runs i2p-tunnel connect to a b32 address or base64 destination.
func (r *Router) Connect(destination string, args ...string) (*Tunnel, error) {
	return r.tunnel("connect", append(args, destination)...)
}

var b32Address = regexp.MustCompile(`\b[a-z2-7]{52}\.b32\.i2p\b`)

// Listen runs i2p-tunnel listen and waits for the address that it prints first.
func (r *Router) Listen(ctx context.Context, args ...string) (t *Tunnel, b32 string, err error) {
	if t, err = r.tunnel("listen", args...); err != nil {
		return nil, "", err
	}
	err = Await(ctx, 30*time.Second, r.Name+": i2p-tunnel listen prints its address", func(context.Context) error {
		b, err := os.ReadFile(t.LogFile)
		if b32 = b32Address.FindString(string(b)); b32 == "" && err == nil {
			err = errors.New("no address in its log")
		}
		return err
	})
	if err != nil {
		t.Close()
		return nil, "", fmt.Errorf("%w: %s", err, t.LogTail(5))
	}
	return t, b32, nil
}
