// Package config reads the router's settings from TOML into a typed, checked Config.
package config

import (
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"

	"i2ptoolkit/pkg/kem"
	"i2ptoolkit/pkg/naming"
	"i2ptoolkit/pkg/routerinfo"
)

// Config is everything about a router that its owner can set; Settings says what each key
// means. Flags and environment variables are laid over it by the command. It has a field for
// each key and table of the file and for nothing else, in the file's order.
type Config struct {
	DataDir   string `toml:"data_dir" json:"data_dir"`
	Ephemeral bool   `toml:"ephemeral" json:"ephemeral"`
	// StatePassphrase says where the passphrase comes from, and never is one.
	StatePassphrase string   `toml:"state_passphrase" json:"state_passphrase"`
	Socket          string   `toml:"socket" json:"socket"`
	LogLevel        string   `toml:"log_level" json:"log_level"`
	NetID           int      `toml:"netid" json:"netid"`
	Testnet         bool     `toml:"testnet" json:"testnet"`
	Bootstrap       []string `toml:"bootstrap" json:"bootstrap"`
	Floodfill       bool     `toml:"floodfill" json:"floodfill"`
	FloodfillAuto   bool     `toml:"floodfill_auto" json:"floodfill_auto"`
	Hidden          bool     `toml:"hidden" json:"hidden"`
	Hosts           []string `toml:"host" json:"host"`
	Port            int      `toml:"port" json:"port"`
	PortMapping     bool     `toml:"port_mapping" json:"port_mapping"`

	Reseed      Reseed    `toml:"reseed" json:"reseed"`
	NTCP2       NTCP2     `toml:"ntcp2" json:"ntcp2"`
	SSU2        SSU2      `toml:"ssu2" json:"ssu2"`
	Bandwidth   Bandwidth `toml:"bandwidth" json:"bandwidth"`
	Transit     Transit   `toml:"transit" json:"transit"`
	Exploratory Tunnels   `toml:"exploratory" json:"exploratory"`
	Client      Tunnels   `toml:"client" json:"client"`
	Names       Names     `toml:"names" json:"names"`
	I2CP        I2CP      `toml:"i2cp" json:"i2cp"`
	SAM         SAM       `toml:"sam" json:"sam"`

	BOB        BOB        `toml:"bob" json:"bob"`
	I2PControl I2PControl `toml:"i2pcontrol" json:"i2pcontrol"`
}

// Reseed says where a router that knows too few others gets them.
type Reseed struct {
	Enabled   bool     `toml:"enabled" json:"enabled"`
	URLs      []string `toml:"urls" json:"urls"`
	Sources   []string `toml:"sources" json:"sources"`
	Proxy     string   `toml:"proxy" json:"proxy"`
	Threshold int      `toml:"threshold" json:"threshold"`
	Certs     []string `toml:"certs" json:"certs"`
	Roots     string   `toml:"roots" json:"roots"`
	Pins      []string `toml:"pins" json:"pins"`
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
	Enabled     bool     `toml:"enabled" json:"enabled"`
	Listen      []string `toml:"listen" json:"listen"`
	MaxSessions int      `toml:"max_sessions" json:"max_sessions"`
	Hybrid      string   `toml:"hybrid" json:"hybrid"`
	Proxy       string   `toml:"proxy" json:"proxy"`
}

// SSU2 sets the UDP transport.
type SSU2 struct {
	Enabled bool   `toml:"enabled" json:"enabled"`
	MTU     int    `toml:"mtu" json:"mtu"`
	Hybrid  string `toml:"hybrid" json:"hybrid"`
	Proxy   string `toml:"proxy" json:"proxy"`
}

// Bandwidth limits are hard limits, in KBps (1024 bytes a second); 0 is no limit.
type Bandwidth struct {
	In    int `toml:"in" json:"in"`
	Out   int `toml:"out" json:"out"`
	Share int `toml:"share" json:"share"`
}

// Transit limits what we carry for others.
type Transit struct {
	MaxTunnels int `toml:"max_tunnels" json:"max_tunnels"`
}

// Tunnels sets the pools of one kind of tunnel.
type Tunnels struct {
	InLength    int `toml:"in_length" json:"in_length"`
	OutLength   int `toml:"out_length" json:"out_length"`
	InQuantity  int `toml:"in_quantity" json:"in_quantity"`
	OutQuantity int `toml:"out_quantity" json:"out_quantity"`
}

// Names says where names are learnt that no address book of the owner's has.
type Names struct {
	Subscriptions []string `toml:"subscriptions" json:"subscriptions"`
	Jump          []string `toml:"jump" json:"jump"` // each as "NAME URL"
}

// JumpServices are those of the settings, by name and URL.
func (n Names) JumpServices() (all []naming.Jump) {
	for _, text := range n.Jump {
		if j, err := naming.ParseJump(text); err == nil {
			all = append(all, j)
		}
	}
	return all
}

func (n Names) check() error {
	for _, url := range n.Subscriptions {
		if err := naming.CheckFeed(url); err != nil {
			return faultf("names.subscriptions", "%q: %v", url, err)
		}
	}
	for _, text := range n.Jump {
		if _, err := naming.ParseJump(text); err != nil {
			return faultf("names.jump", "%v", err)
		}
	}
	return nil
}

// Default returns the settings of a router whose owner set nothing.
func Default() Config {
	return Config{
		LogLevel:    "info",
		NetID:       publicNetID,
		Bootstrap:   []string{},
		Hosts:       []string{},
		PortMapping: true,
		Reseed:      Reseed{Enabled: true, URLs: []string{}, Sources: []string{}, Threshold: 25, Certs: []string{}, Pins: []string{}},
		NTCP2:       NTCP2{Enabled: true, Listen: []string{}, MaxSessions: 1000, Hybrid: "ML-KEM-768"},
		SSU2:        SSU2{Enabled: true, MTU: routerinfo.MaxSSU2MTU, Hybrid: "ML-KEM-768"},
		Bandwidth:   Bandwidth{Share: 80},
		Transit:     Transit{MaxTunnels: 5000},
		Exploratory: Tunnels{InLength: 2, OutLength: 2, InQuantity: 2, OutQuantity: 2},
		Client:      Tunnels{InLength: 3, OutLength: 3, InQuantity: 3, OutQuantity: 3},
		Names:       Names{Subscriptions: []string{}, Jump: knownJumps()},
		I2CP:        I2CP{defaultDoor("7654")},
		SAM:         SAM{Door: defaultDoor("7656"), UDP: "127.0.0.1:7655"},
		BOB:         BOB{Listen: []string{"127.0.0.1:2827"}},
		I2PControl:  I2PControl{Listen: []string{"127.0.0.1:7650"}},
	}
}

// Parse reads settings over the defaults. An error names its line.
func Parse(text []byte) (Config, error) {
	c := Default()
	meta, err := toml.Decode(string(text), &c)
	if err != nil {
		if wrong := wrongType(text); wrong != nil {
			return Config{}, placed(text, wrong)
		}
		return Config{}, plainSyntax(err)
	}
	if unknown := meta.Undecoded(); len(unknown) > 0 {
		return Config{}, unknownKey(text, unknown[0])
	}
	return c, placed(text, c.Check())
}

// Check tells whether all values make sense, and together.
func (c Config) Check() error {
	for _, s := range Settings() {
		if err := s.check(c); err != nil {
			return err
		}
	}
	if c.Hidden && c.Floodfill {
		return faultf("hidden", "a hidden router cannot be a floodfill")
	}
	switch from, what, _ := strings.Cut(c.StatePassphrase, ":"); {
	case c.StatePassphrase == "" || c.StatePassphrase == "prompt" || (from == "env" || from == "file") && what != "":
	default: // what may be the passphrase itself is not repeated
		return faultf("state_passphrase", "expected prompt, env:NAME or file:PATH; the passphrase itself is to be in none of the settings")
	}
	if c.Ephemeral && c.StatePassphrase != "" {
		return faultf("state_passphrase", "an ephemeral router has no state")
	}
	for _, h := range c.Hosts {
		addr, err := netip.ParseAddr(h)
		if err != nil || addr.IsUnspecified() || addr.Zone() != "" {
			return faultf("host", "%q is no address that a peer could dial", h)
		}
		if !c.Testnet && !public(addr) {
			return faultf("host", "%s is reserved: only testnet routers publish it", h)
		}
	}
	for _, l := range c.NTCP2.Listen {
		if _, err := netip.ParseAddrPort(l); err != nil {
			return faultf("ntcp2.listen", "%q is no address:port", l)
		}
	}
	if _, ok := kem.ParseKind(c.NTCP2.Hybrid); !ok {
		return faultf("ntcp2.hybrid", "%q is none of ML-KEM-512, ML-KEM-768, ML-KEM-1024 and none", c.NTCP2.Hybrid)
	}
	if kind, ok := kem.ParseKind(c.SSU2.Hybrid); !ok || kind == kem.MLKEM1024 {
		return faultf("ssu2.hybrid", "%q is none of ML-KEM-512, ML-KEM-768 and none", c.SSU2.Hybrid)
	}
	if err := c.checkProxies(); err != nil {
		return err
	}
	if !c.NTCP2.Enabled && !c.SSU2.Enabled {
		return faultf("ntcp2.enabled", "a router speaks NTCP2, SSU2 or both")
	}
	for _, check := range []func() error{c.Names.check, c.I2CP.check, c.SAM.check, c.BOB.check, c.I2PControl.check} {
		if err := check(); err != nil {
			return err
		}
	}
	return c.Reseed.check()
}

// knownJumps are the services that most of the network knows.
func knownJumps() (texts []string) {
	for _, j := range naming.KnownJumps() {
		texts = append(texts, j.String())
	}
	return texts
}

// check knows the forms only; what is in the files is found when they are read.
func (r Reseed) check() error {
	for _, text := range r.URLs {
		if !isURL(text, "https", "http") {
			return faultf("reseed.urls", "%q is no URL such as https://reseed.example.org/", text)
		}
	}
	for _, path := range r.Sources {
		if strings.Contains(path, "://") || path == "-" {
			return faultf("reseed.sources", "%q is no path: servers belong to reseed.urls", path)
		}
	}
	if r.Proxy != "" && !isURL(r.Proxy, "socks5", "socks5h", "http", "https") {
		return faultf("reseed.proxy", "%q is no URL such as socks5://127.0.0.1:9050", r.Proxy)
	}
	for _, pin := range r.Pins {
		if host, sum, ok := strings.Cut(pin, "="); !ok || host == "" || len(sum) < 43 {
			return faultf("reseed.pins", "%q is no HOST=SHA256, in hex or base64", pin)
		}
	}
	return nil
}

func isURL(text string, schemes ...string) bool {
	u, err := url.Parse(text)
	return err == nil && slices.Contains(schemes, u.Scheme) && u.Hostname() != ""
}

// checkProxies: a transport that a proxy hides is no use beside one that reaches peers straight. What
// is wrong may have a password in it.
func (c Config) checkProxies() error {
	switch {
	case c.NTCP2.Proxy != "" && (!isURL(c.NTCP2.Proxy, "socks5", "http") || c.ProxyURL().Port() == ""):
		return faultf("ntcp2.proxy", "it is no URL such as socks5://127.0.0.1:9050 or http://127.0.0.1:8080")
	case c.SSU2.Proxy != "" && (!isURL(c.SSU2.Proxy, "socks5") || c.DatagramProxyURL().Port() == ""):
		return faultf("ssu2.proxy", "it is no URL such as socks5://127.0.0.1:1080; only SOCKS5 relays datagrams")
	case c.NTCP2.Proxy != "" && c.SSU2.Enabled && c.SSU2.Proxy == "":
		return faultf("ntcp2.proxy", "SSU2 reaches peers straight from this machine: with a proxy, ssu2.enabled must be false, or ssu2.proxy say another")
	case c.SSU2.Proxy != "" && c.NTCP2.Enabled && c.NTCP2.Proxy == "":
		return faultf("ssu2.proxy", "NTCP2 reaches peers straight from this machine: with a proxy, ntcp2.enabled must be false, or ntcp2.proxy say another")
	}
	return nil
}

// Proxied tells whether peers are reached through a proxy.
func (c Config) Proxied() bool { return c.NTCP2.Proxy != "" || c.SSU2.Proxy != "" }

// ProxyURL is that of ntcp2.proxy; nil is none.
func (c Config) ProxyURL() *url.URL { return urlOf(c.NTCP2.Proxy) }

// DatagramProxyURL is that of ssu2.proxy; nil is none.
func (c Config) DatagramProxyURL() *url.URL { return urlOf(c.SSU2.Proxy) }

func urlOf(text string) *url.URL {
	if u, err := url.Parse(text); err == nil && text != "" {
		return u
	}
	return nil
}

// Publishable tells whether a router of this network may publish an address.
func (c Config) Publishable(a netip.Addr) bool {
	return public(a) || c.Testnet && a.IsGlobalUnicast()
}

// public tells whether an address can be reached over the Internet.
func public(a netip.Addr) bool {
	return a.IsGlobalUnicast() && !a.IsPrivate()
}

// ListenAddrs are the addresses to bind: those named, else all of the machine, of both
// families, for they may change; on loopback (a test network on one machine) the
// published ones alone. What another of them covers is left out: nothing can be bound
// twice. A router behind a proxy that is told neither binds nothing, and one that is told
// what to publish that family alone.
func (c Config) ListenAddrs() []netip.AddrPort {
	var out []netip.AddrPort
	for _, l := range c.NTCP2.Listen {
		if ap, err := netip.ParseAddrPort(l); err == nil {
			out = append(out, netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port()))
		}
	}
	if len(out) > 0 {
		return uncovered(out)
	}
	for _, h := range c.PublishedHosts() {
		switch {
		case h.IsLoopback():
		case h.Is4():
			h = netip.IPv4Unspecified()
		default:
			h = netip.IPv6Unspecified()
		}
		out = append(out, netip.AddrPortFrom(h, uint16(c.Port)))
	}
	onLoopback := slices.ContainsFunc(out, func(ap netip.AddrPort) bool { return ap.Addr().IsLoopback() })
	if !c.Proxied() && !onLoopback {
		for _, every := range []netip.Addr{netip.IPv4Unspecified(), netip.IPv6Unspecified()} {
			out = append(out, netip.AddrPortFrom(every, uint16(c.Port)))
		}
	}
	return uncovered(out)
}

// uncovered are the addresses without those that come a second time, or that the unspecified
// address of their family covers at their port.
func uncovered(all []netip.AddrPort) []netip.AddrPort {
	var out []netip.AddrPort
	for i, ap := range all {
		every := netip.IPv6Unspecified()
		if ap.Addr().Is4() {
			every = netip.IPv4Unspecified()
		}
		whole := netip.AddrPortFrom(every, ap.Port())
		if !slices.Contains(all[:i], ap) && (ap == whole || !slices.Contains(all, whole)) {
			out = append(out, ap)
		}
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
