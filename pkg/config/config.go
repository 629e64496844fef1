// Package config reads the router's settings from TOML into a typed, checked Config.
package config

import (
	"bytes"
	"fmt"
	"net/netip"
	"net/url"
	"reflect"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
)

// Config is everything about a router that its owner can set. Flags and environment
// variables are laid over it by the command.
type Config struct {
	DataDir   string   `toml:"data_dir" json:"data_dir"`
	Socket    string   `toml:"socket" json:"socket"`
	LogLevel  string   `toml:"log_level" json:"log_level"`
	NetID     int      `toml:"netid" json:"netid"`
	Testnet   bool     `toml:"testnet" json:"testnet"`     // private network: no reseed, reserved addresses and one /16 allowed
	Bootstrap []string `toml:"bootstrap" json:"bootstrap"` // router.info files, netDb directories, zips
	Floodfill bool     `toml:"floodfill" json:"floodfill"`
	Hidden    bool     `toml:"hidden" json:"hidden"` // publish no address
	Hosts     []string `toml:"host" json:"host"`     // addresses to publish
	Port      int      `toml:"port" json:"port"`     // 0: chosen at the first start and kept

	Reseed      Reseed    `toml:"reseed" json:"reseed"`
	NTCP2       NTCP2     `toml:"ntcp2" json:"ntcp2"`
	Bandwidth   Bandwidth `toml:"bandwidth" json:"bandwidth"`
	Transit     Transit   `toml:"transit" json:"transit"`
	Exploratory Tunnels   `toml:"exploratory" json:"exploratory"`
	Client      Tunnels   `toml:"client" json:"client"` // of destinations that do not say otherwise
}

// Reseed says where a router that knows too few others gets them.
type Reseed struct {
	Enabled   bool     `toml:"enabled" json:"enabled"`
	URLs      []string `toml:"urls" json:"urls"`           // of servers
	Sources   []string `toml:"sources" json:"sources"`     // su3 files, zips and netDb directories, read before a server is asked; neither: the known servers
	Proxy     string   `toml:"proxy" json:"proxy"`         // socks5://, http:// or https://; empty: none
	Threshold int      `toml:"threshold" json:"threshold"` // reseed while fewer routers are known
	Certs     []string `toml:"certs" json:"certs"`         // files and directories with signers' certificates; empty: the known ones
	Roots     string   `toml:"roots" json:"roots"`         // file with certificates that TLS trusts; empty: the system's
	Pins      []string `toml:"pins" json:"pins"`           // HOST=SHA256 of a server's key, which is then trusted alone
}

// Reseeds tells whether a router with these settings reseeds by itself: one of a private
// network only where it is told from whom, and so is one whose bootstrap is given.
func (c Config) Reseeds() bool {
	r := c.Reseed
	switch {
	case !r.Enabled:
		return false
	case len(r.URLs)+len(r.Sources) > 0:
		return true
	}
	return c.Public() && len(c.Bootstrap) == 0
}

// Public tells whether the router is one of the public network.
func (c Config) Public() bool { return c.NetID == publicNetID && !c.Testnet }

const publicNetID = 2

// NTCP2 sets the TCP transport.
type NTCP2 struct {
	Listen      []string `toml:"listen" json:"listen"` // "address:port"; empty: from host and port
	MaxSessions int      `toml:"max_sessions" json:"max_sessions"`
}

// Bandwidth limits are hard limits, in KBps (1024 bytes a second); 0 is no limit.
type Bandwidth struct {
	In    int `toml:"in" json:"in"`
	Out   int `toml:"out" json:"out"`
	Share int `toml:"share" json:"share"` // percent of it that transit may use
}

// Transit limits what we carry for others.
type Transit struct {
	MaxTunnels int `toml:"max_tunnels" json:"max_tunnels"` // 0: carry nothing
}

// Tunnels sets the pools of one kind of tunnel.
type Tunnels struct {
	InLength    int `toml:"in_length" json:"in_length"`
	OutLength   int `toml:"out_length" json:"out_length"`
	InQuantity  int `toml:"in_quantity" json:"in_quantity"`
	OutQuantity int `toml:"out_quantity" json:"out_quantity"`
}

// Default returns the settings of a router whose owner set nothing.
func Default() Config {
	return Config{
		LogLevel:    "info",
		NetID:       publicNetID,
		Bootstrap:   []string{},
		Hosts:       []string{},
		Reseed:      Reseed{Enabled: true, URLs: []string{}, Sources: []string{}, Threshold: 25, Certs: []string{}, Pins: []string{}},
		NTCP2:       NTCP2{Listen: []string{}, MaxSessions: 1000},
		Bandwidth:   Bandwidth{Share: 80},
		Transit:     Transit{MaxTunnels: 5000},
		Exploratory: Tunnels{InLength: 2, OutLength: 2, InQuantity: 2, OutQuantity: 2},
		Client:      Tunnels{InLength: 3, OutLength: 3, InQuantity: 3, OutQuantity: 3},
	}
}

// Parse reads settings over the defaults. The error of an unknown key or of a value of the
// wrong type names its line.
func Parse(text []byte) (Config, error) {
	c := Default()
	meta, err := toml.Decode(string(text), &c)
	if err != nil {
		return Config{}, err
	}
	if unknown := meta.Undecoded(); len(unknown) > 0 {
		return Config{}, unknownKey(text, unknown[0])
	}
	return c, c.Check()
}

// AppendTo appends the settings as TOML.
func (c Config) AppendTo(b []byte) []byte {
	var out bytes.Buffer
	enc := toml.NewEncoder(&out)
	enc.Indent = ""
	if err := enc.Encode(c); err != nil {
		panic(fmt.Sprintf("config: %v", err)) // the type has no value that TOML lacks
	}
	return append(b, out.Bytes()...)
}

// Changed names the top-level keys whose values differ, as they stand in the file.
func (c Config) Changed(other Config) []string {
	var keys []string
	a, b := reflect.ValueOf(c), reflect.ValueOf(other)
	for i := range a.NumField() {
		if !reflect.DeepEqual(a.Field(i).Interface(), b.Field(i).Interface()) {
			keys = append(keys, a.Type().Field(i).Tag.Get("toml"))
		}
	}
	return keys
}

// Check tells whether all values make sense, and together.
func (c Config) Check() error {
	switch c.LogLevel {
	case "debug", "info", "warn", "error":
	default:
		return fmt.Errorf("log_level: %q is none of debug, info, warn, error", c.LogLevel)
	}
	if c.Hidden && c.Floodfill {
		return fmt.Errorf("hidden: a hidden router cannot be a floodfill")
	}
	for _, h := range c.Hosts {
		addr, err := netip.ParseAddr(h)
		if err != nil || addr.IsUnspecified() || addr.Zone() != "" {
			return fmt.Errorf("host: %q is no address that a peer could dial", h)
		}
		if !c.Testnet && !public(addr) {
			return fmt.Errorf("host: %s is reserved: only testnet routers publish it", h)
		}
	}
	for _, l := range c.NTCP2.Listen {
		if _, err := netip.ParseAddrPort(l); err != nil {
			return fmt.Errorf("ntcp2.listen: %q is no address:port", l)
		}
	}
	if err := c.Reseed.check(); err != nil {
		return err
	}
	return c.checkRanges()
}

// check knows the forms only; what is in the files is found when they are read.
func (r Reseed) check() error {
	for _, text := range r.URLs {
		if !isURL(text, "https", "http") {
			return fmt.Errorf("reseed.urls: %q is no URL such as https://reseed.example.org/", text)
		}
	}
	for _, path := range r.Sources {
		if strings.Contains(path, "://") || path == "-" {
			return fmt.Errorf("reseed.sources: %q is no path: servers belong to reseed.urls", path)
		}
	}
	if r.Proxy != "" && !isURL(r.Proxy, "socks5", "socks5h", "http", "https") {
		return fmt.Errorf("reseed.proxy: %q is no URL such as socks5://127.0.0.1:9050", r.Proxy)
	}
	for _, pin := range r.Pins {
		if host, sum, ok := strings.Cut(pin, "="); !ok || host == "" || len(sum) < 43 {
			return fmt.Errorf("reseed.pins: %q is no HOST=SHA256, in hex or base64", pin)
		}
	}
	return nil
}

func isURL(text string, schemes ...string) bool {
	u, err := url.Parse(text)
	return err == nil && slices.Contains(schemes, u.Scheme) && u.Hostname() != ""
}

func (c Config) checkRanges() error {
	for _, r := range []struct {
		key         string
		value, most int
	}{
		{"netid", c.NetID, 255},
		{"port", c.Port, 65535},
		{"reseed.threshold", c.Reseed.Threshold, 1 << 16},
		{"ntcp2.max_sessions", c.NTCP2.MaxSessions, 1 << 16},
		{"bandwidth.in", c.Bandwidth.In, 1 << 24},
		{"bandwidth.out", c.Bandwidth.Out, 1 << 24},
		{"bandwidth.share", c.Bandwidth.Share, 100},
		{"transit.max_tunnels", c.Transit.MaxTunnels, 1 << 20},
		{"exploratory.in_length", c.Exploratory.InLength, 7},
		{"exploratory.out_length", c.Exploratory.OutLength, 7},
		{"exploratory.in_quantity", c.Exploratory.InQuantity, 16},
		{"exploratory.out_quantity", c.Exploratory.OutQuantity, 16},
		{"client.in_length", c.Client.InLength, 7},
		{"client.out_length", c.Client.OutLength, 7},
		{"client.in_quantity", c.Client.InQuantity, 16},
		{"client.out_quantity", c.Client.OutQuantity, 16},
	} {
		if r.value < 0 || r.value > r.most {
			return fmt.Errorf("%s: %d is not within 0 to %d", r.key, r.value, r.most)
		}
		if r.value == 0 && (strings.HasSuffix(r.key, "_quantity") || r.key == "ntcp2.max_sessions") {
			return fmt.Errorf("%s: a router needs at least one", r.key)
		}
	}
	return nil
}

// public tells whether an address can be reached over the Internet.
func public(a netip.Addr) bool {
	return a.IsGlobalUnicast() && !a.IsPrivate()
}

// ListenAddrs are the addresses for NTCP2 to bind: those named, else one for each
// published address: the address itself where it is reserved (a test network on one
// machine), every address of its family where it is public.
func (c Config) ListenAddrs() []netip.AddrPort {
	var out []netip.AddrPort
	for _, l := range c.NTCP2.Listen {
		if ap, err := netip.ParseAddrPort(l); err == nil {
			out = append(out, ap)
		}
	}
	if len(out) > 0 {
		return out
	}
	seen := make(map[netip.Addr]bool)
	for _, h := range c.PublishedHosts() {
		switch {
		case !public(h):
		case h.Is4():
			h = netip.IPv4Unspecified()
		default:
			h = netip.IPv6Unspecified()
		}
		if !seen[h] {
			seen[h] = true
			out = append(out, netip.AddrPortFrom(h, uint16(c.Port)))
		}
	}
	if len(out) == 0 {
		out = append(out, netip.AddrPortFrom(netip.IPv4Unspecified(), uint16(c.Port)))
	}
	return out
}

// PublishedHosts are the addresses that the RouterInfo names.
func (c Config) PublishedHosts() []netip.Addr {
	var out []netip.Addr
	for _, h := range c.Hosts {
		if a, err := netip.ParseAddr(h); err == nil {
			out = append(out, a.Unmap())
		}
	}
	return out
}
