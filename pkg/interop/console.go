//go:build linux

package interop

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Counters are what an i2pd console shows about a router. Bytes are rounded by
// the console to a hundredth of a KiB, MiB or GiB.
type Counters struct {
	Received, Sent, Transit        int64 // bytes on the wire; bytes forwarded for others
	Routers, Floodfills, LeaseSets int   // known
	ClientTunnels, TransitTunnels  int
	TunnelSuccess                  int // percent of builds
}

var (
	consoleTraffic = regexp.MustCompile(`<b>(Received|Sent|Transit):</b> ([0-9.]+) (K|M|G)iB`)
	consoleCount   = regexp.MustCompile(`<b>(Routers|Floodfills|LeaseSets|Client Tunnels|Transit Tunnels|Tunnel creation success rate):</b> ([0-9]+)`)
)

// Counters reads the router's console.
func (r *I2PD) Counters(ctx context.Context) (Counters, error) {
	page, err := r.ConsolePage(ctx, "/")
	if err != nil {
		return Counters{}, err
	}
	return parseConsole(page)
}

// ConsolePage gets a page of the router's console.
func (r *I2PD) ConsolePage(ctx context.Context, path string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	client := &http.Client{Transport: &http.Transport{DialContext: r.ns.DialContext, DisableKeepAlives: true}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+netip.AddrPortFrom(r.Doors, portConsole).String()+path, nil)
	if err != nil {
		return "", fmt.Errorf("interop: %w", err)
	}
	resp, err := client.Do(req)
	if err != nil {
		return "", fmt.Errorf("interop: console of %s: %w", r.Name, err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return "", fmt.Errorf("interop: console of %s: %w", r.Name, err)
	}
	return string(b), nil
}

var consoleToken = regexp.MustCompile(`cmd=run_peer_test&token=([0-9]+)`)

// command has the router do what a link of its console does.
func (r *I2PD) command(ctx context.Context, name string) error {
	page, err := r.ConsolePage(ctx, "/?page=commands")
	if err != nil {
		return err
	}
	token := consoleToken.FindStringSubmatch(page)
	if token == nil {
		return errors.New("interop: the console has no commands")
	}
	page, err = r.ConsolePage(ctx, "/?cmd="+name+"&token="+token[1])
	if err == nil && !strings.Contains(page, "SUCCESS") {
		err = fmt.Errorf("interop: %s says of %s: %.200q", r.Name, name, page)
	}
	return err
}

func parseConsole(page string) (Counters, error) {
	var c Counters
	traffic := map[string]*int64{"Received": &c.Received, "Sent": &c.Sent, "Transit": &c.Transit}
	units := map[string]float64{"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
	for _, m := range consoleTraffic.FindAllStringSubmatch(page, -1) {
		v, err := strconv.ParseFloat(m[2], 64)
		if err != nil {
			return Counters{}, fmt.Errorf("interop: console: %w", err)
		}
		*traffic[m[1]] = int64(v * units[m[3]])
		delete(traffic, m[1])
	}
	counts := map[string]*int{
		"Routers": &c.Routers, "Floodfills": &c.Floodfills, "LeaseSets": &c.LeaseSets, "Client Tunnels": &c.ClientTunnels,
		"Transit Tunnels": &c.TransitTunnels, "Tunnel creation success rate": &c.TunnelSuccess,
	}
	for _, m := range consoleCount.FindAllStringSubmatch(page, -1) {
		if p := counts[m[1]]; p != nil {
			*p, _ = strconv.Atoi(m[2])
			delete(counts, m[1])
		}
	}
	if len(traffic)+len(counts) > 0 {
		return Counters{}, fmt.Errorf("interop: the console page lacks %d of its figures", len(traffic)+len(counts))
	}
	return c, nil
}
