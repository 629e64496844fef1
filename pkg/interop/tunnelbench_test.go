//go:build linux

package interop

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/processors"
)

// proxied is an HTTP proxy of a router and a web server behind a server tunnel of another.
type proxied struct {
	name          string
	proxy, server func() *Process
	door          string       // address of the proxy
	host          string       // b32 of the server
	restart       func() error // of the proxy's router
}

// tunnelFigures are what one such pair gave.
type tunnelFigures struct {
	first          time.Duration // from the start of the proxy's router to the first page
	p50, p95       time.Duration // of a page over a connection of its own
	kept50, kept95 time.Duration // of a page over a connection that stays
	down, up       float64       // MB/s
	cpu            float64       // ms per MB of both routers
	failed         int           // pages of those that p50 and kept50 are of
}

var tunnelColumns = []figure[tunnelFigures]{
	{"first page s", "%.2f", func(f tunnelFigures) float64 { return f.first.Seconds() }},
	{"page p50 ms", "%.1f", func(f tunnelFigures) float64 { return f.p50.Seconds() * 1000 }},
	{"p95 ms", "%.1f", func(f tunnelFigures) float64 { return f.p95.Seconds() * 1000 }},
	{"kept p50 ms", "%.1f", func(f tunnelFigures) float64 { return f.kept50.Seconds() * 1000 }},
	{"p95 ms", "%.1f", func(f tunnelFigures) float64 { return f.kept95.Seconds() * 1000 }},
	{"MB/s down", "%.2f", func(f tunnelFigures) float64 { return f.down }},
	{"MB/s up", "%.2f", func(f tunnelFigures) float64 { return f.up }},
	{"CPU ms/MB", "%.1f", func(f tunnelFigures) float64 { return f.cpu }},
	{"failed pages", "%.0f", func(f tunnelFigures) float64 { return float64(f.failed) }},
}

// TestBenchTunnels measures pages through an HTTP proxy and a server tunnel, three hops each way
// over four i2pd routers, in alternation: i2pd's at both ends, ours at both, and each with the
// other. Only scripts/bench-tunnels runs it.
func TestBenchTunnels(t *testing.T) {
	if os.Getenv("I2P_BENCH_TUNNELS") == "" {
		t.Skip("measures for minutes: use scripts/bench-tunnels")
	}
	rounds := setting(t, "I2P_BENCH_TUNNELS", strconv.Atoi)
	mb := setting(t, "I2P_BENCH_MB", decimal)
	ctx := gate(t, time.Duration(rounds+1)*15*time.Minute)
	defer processors.Follow()()
	pairs := tunnelPairs(t, ctx)
	results := make([][]tunnelFigures, len(pairs.all))
	for round := range rounds {
		for i, p := range pairs.all {
			f, err := pairs.measure(ctx, p, int(mb*1e6))
			if err != nil {
				t.Errorf("%s, round %d: %v", p.name, round+1, err)
				continue
			}
			t.Logf("round %d, %s: %+v", round+1, p.name, f)
			results[i] = append(results[i], f)
		}
	}
	var names []string
	for _, p := range pairs.all {
		names = append(names, p.name)
	}
	fmt.Print(medians(names, names[0], tunnelColumns, results))
}

// pairing is the network of TestBenchTunnels.
type pairing struct {
	n   *Network
	all []*proxied
}

const (
	proxyPort   = 4444
	tunnelsEach = 3 // tunnels each way, of both programs
)

// tunnelPairs starts four i2pd routers that are hops, two of them that are ends, and two ends of
// ours; one of each two has an HTTP proxy, the other a server tunnel.
func tunnelPairs(t *testing.T, ctx context.Context) *pairing {
	t.Helper()
	n := network(t, ctx, NetworkConfig{Releases: sids(6), Floodfills: 3, Ends: 2, Each: func(i int, c *I2PDConfig) {
		switch c.WebHops = benchHops; i {
		case 4:
			c.WebPort = webPort
		case 5:
			c.ProxyPort = proxyPort
		}
	}})
	serveSizes(t, n)
	if err := n.AwaitMesh(ctx, time.Minute, 4); err != nil {
		t.Fatal(err)
	}
	theirs, err := n.I2PD[4].WebB32()
	if err != nil {
		t.Fatal(err)
	}
	server := startRouter(t, ctx, n, RouterConfig{Name: "server", NoTransit: true})
	proxy := startRouter(t, ctx, n, RouterConfig{Name: "proxy", NoTransit: true})
	door := net.JoinHostPort(proxy.Addr.String(), fmt.Sprint(proxyPort))
	shape := []string{"--hops", fmt.Sprint(benchHops), "--tunnels", fmt.Sprint(tunnelsEach)}
	ours := forward(t, ctx, server, "httpserver", append(shape, fmt.Sprintf("127.0.0.1:%d", webPort))...)
	forward(t, ctx, proxy, "http", append(shape, door)...)

	i2pd := proxied{
		proxy: func() *Process { return n.I2PD[5].Process }, door: net.JoinHostPort(n.I2PD[5].Doors.String(), fmt.Sprint(proxyPort)),
		restart: func() error { n.I2PD[5].Kill(); return n.I2PD[5].Start() },
	}
	own := proxied{proxy: func() *Process { return proxy.Process }, door: door, restart: proxy.Restart}
	pair := func(name string, p proxied, server func() *Process, host string) *proxied {
		p.name, p.server, p.host = name, server, host
		return &p
	}
	theirServer, ourServer := func() *Process { return n.I2PD[4].Process }, func() *Process { return server.Process }
	return &pairing{n, []*proxied{
		pair("i2pd to i2pd", i2pd, theirServer, theirs),
		pair("ours to ours", own, ourServer, ours),
		pair("ours to i2pd", own, theirServer, theirs),
		pair("i2pd to ours", i2pd, ourServer, ours),
	}}
}

// forward has a router of ours keep a forward, waits until it is ready, and gives its address.
func forward(t *testing.T, ctx context.Context, r *Router, verb string, args ...string) (address string) {
	t.Helper()
	if _, err := r.Tool(ctx, "i2p-tunnel", append([]string{verb}, args...)...); err != nil {
		t.Fatal(err)
	}
	err := Await(ctx, 2*time.Minute, r.Name+": the forward is ready", func(ctx context.Context) error {
		b, err := r.Tool(ctx, "i2p-tunnel", "list", "--json")
		if err != nil {
			return err
		}
		for line := range strings.Lines(string(b)) {
			var f control.Forward
			if err := json.Unmarshal([]byte(line), &f); err != nil {
				return err
			}
			if address = f.Address; string(f.Type) == verb && f.State == control.ForwardReady {
				return nil
			}
		}
		return fmt.Errorf("%s", b)
	})
	if err != nil {
		t.Fatal(err)
	}
	return address
}

// browser is a client of a proxy.
func (ps *pairing) browser(p *proxied, keep bool) *http.Client {
	proxy := &url.URL{Scheme: "http", Host: p.door}
	return &http.Client{Timeout: 5 * time.Minute, Transport: &http.Transport{
		Proxy: http.ProxyURL(proxy), DisableKeepAlives: !keep, DisableCompression: true,
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			return ps.n.DialContext(ctx, network, addr)
		},
	}}
}

const smallPage = 1000

func (ps *pairing) page(ctx context.Context, c *http.Client, p *proxied, size int) (time.Duration, error) {
	begun := time.Now()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://%s/%d", p.host, size), nil)
	if err != nil {
		return 0, err
	}
	resp, err := c.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	n, err := io.Copy(io.Discard, resp.Body)
	if err == nil && (resp.StatusCode != http.StatusOK || n != int64(size)) {
		err = fmt.Errorf("%s, %d of %d bytes", resp.Status, n, size)
	}
	return time.Since(begun), err
}

func (ps *pairing) measure(ctx context.Context, p *proxied, size int) (f tunnelFigures, err error) {
	fresh, kept := ps.browser(p, false), ps.browser(p, true)
	defer kept.CloseIdleConnections()
	if err := p.restart(); err != nil {
		return f, err
	}
	begun := p.proxy().Started
	err = Await(ctx, 3*time.Minute, "the first page", func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
		defer cancel()
		_, err := ps.page(ctx, fresh, p, smallPage)
		return err
	})
	if err != nil {
		return f, err
	}
	f.first = time.Since(begun)
	time.Sleep(10 * time.Second) // what a start does besides is over
	var failed int
	if f.p50, f.p95, f.failed, err = ps.pages(ctx, fresh, p); err != nil {
		return f, err
	}
	if f.kept50, f.kept95, failed, err = ps.pages(ctx, kept, p); err != nil {
		return f, err
	}
	f.failed += failed
	cpu := p.proxy().CPU() + p.server().CPU()
	took, err := ps.page(ctx, kept, p, size)
	if err != nil {
		return f, err
	}
	f.down = float64(size) / 1e6 / took.Seconds()
	if took, err = ps.post(ctx, kept, p, size); err != nil {
		return f, err
	}
	f.up = float64(size) / 1e6 / took.Seconds()
	f.cpu = float64((p.proxy().CPU() + p.server().CPU() - cpu).Milliseconds()) / (2 * float64(size) / 1e6)
	return f, nil
}

// pages gets pages one after the other, and fails where more than a few of them do.
func (ps *pairing) pages(ctx context.Context, c *http.Client, p *proxied) (p50, p95 time.Duration, failed int, err error) {
	const pages, mayFail = 60, 6
	var all []time.Duration
	for range pages {
		d, err := ps.page(ctx, c, p, smallPage)
		if err == nil {
			all = append(all, d)
		} else if failed++; failed > mayFail || ctx.Err() != nil {
			return 0, 0, failed, fmt.Errorf("%d of %d pages: %w", failed, len(all)+failed, err)
		}
	}
	slices.Sort(all)
	return all[len(all)/2], all[len(all)*95/100], failed, nil
}

func (ps *pairing) post(ctx context.Context, c *http.Client, p *proxied, size int) (time.Duration, error) {
	begun := time.Now()
	sum := sha256.New()
	body := io.TeeReader(io.LimitReader(noise(uint64(size)), int64(size)), sum)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+p.host+"/", body)
	if err != nil {
		return 0, err
	}
	req.ContentLength = int64(size)
	resp, err := c.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 1000))
	if want := fmt.Sprintf("%x", sum.Sum(nil)); err == nil && string(answer) != want {
		err = fmt.Errorf("%s, %.200q instead of the sum %s", resp.Status, answer, want)
	}
	return time.Since(begun), err
}

// serveSizes answers GET /N with N bytes, and POST with the SHA-256 of what came.
func serveSizes(t *testing.T, n *Network) {
	t.Helper()
	l, err := n.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", webPort))
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			sum := sha256.New()
			io.Copy(sum, r.Body)
			fmt.Fprintf(w, "%x", sum.Sum(nil))
			return
		}
		size, err := strconv.ParseInt(strings.TrimPrefix(r.URL.Path, "/"), 10, 64)
		if err != nil {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Header().Set("Content-Length", fmt.Sprint(size))
		io.CopyN(w, noise(uint64(size)), size)
	})}
	done := make(chan struct{})
	go func() {
		defer close(done)
		srv.Serve(l)
	}()
	t.Cleanup(func() {
		srv.Close()
		<-done
	})
}
