package plan

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/options"
)

var nameForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// CheckName tells whether a forward or a group can be called so: it is the name of a file, too.
func CheckName(name string) error {
	if !nameForm.MatchString(name) || strings.HasSuffix(name, ".") {
		return fmt.Errorf("%q is no name: letters, digits, dots, dashes and underscores, at most 64", name)
	}
	return nil
}

// CheckKey tells whether a key file can be called so. A forward's default one has its name and ".dat".
func CheckKey(name string) error {
	if strings.HasSuffix(name, ".age") {
		return fmt.Errorf("%q is no name of a key file: those that are encrypted end in .age", name)
	}
	return CheckName(strings.TrimSuffix(name, ".dat"))
}

// Check tells whether a plan makes sense.
func (p Plan) Check() error {
	if err := CheckName(p.Name); err != nil {
		return err
	}
	for _, check := range []func() error{p.checkType, p.checkEnds, p.checkDatagrams, p.checkUDP, p.checkOrder, p.checkDestination, p.checkSettings, p.checkLimits, p.checkOptions} {
		if err := check(); err != nil {
			return fmt.Errorf("%s: %w", p.Name, err)
		}
	}
	return nil
}

func typeNames() string {
	var names []string
	for _, t := range Types() {
		names = append(names, string(t))
	}
	return strings.Join(names, ", ")
}

func (p Plan) checkType() error {
	switch {
	case p.Type == "":
		return fmt.Errorf("it has no type: one of %s", typeNames())
	case !slices.Contains(Types(), p.Type):
		return fmt.Errorf("%q is no type: one of %s", string(p.Type), typeNames())
	}
	return nil
}

// checkEnds looks at where it leads from and to.
func (p Plan) checkEnds() error {
	listens := !p.Type.Serves() || p.Type == StreamrServer
	if p.Type == StreamrClient {
		listens = false // it sends to its targets
	}
	goes := p.Type.Serves() && p.Type != StreamrServer && p.Type != Meta || p.Type == StreamrClient
	dials := !p.Type.Serves() && !p.Type.Proxies() || p.Type == Meta
	switch {
	case listens && p.Listen == "":
		return fmt.Errorf("a forward of type %s has to listen somewhere, such as listen = \"127.0.0.1:7000\"", p.Type)
	case !listens && p.Listen != "":
		return fmt.Errorf("a forward of type %s listens nowhere", p.Type)
	case goes && len(p.Targets) == 0:
		return fmt.Errorf("a forward of type %s needs a target, such as targets = [\"127.0.0.1:80\"]", p.Type)
	case !goes && len(p.Targets) > 0:
		return fmt.Errorf("a forward of type %s has no targets", p.Type)
	case dials && len(p.Destinations) == 0:
		return fmt.Errorf("a forward of type %s needs a destination", p.Type)
	case !dials && len(p.Destinations) > 0:
		return fmt.Errorf("a forward of type %s has no destinations of its own", p.Type)
	case p.Port < 0 || p.Port > 65535:
		return fmt.Errorf("%d is no port", p.Port)
	case p.Port != 0 && !p.Type.Serves():
		return fmt.Errorf("a forward of type %s has no port of I2P: it stands behind a destination, as in example.i2p:80", p.Type)
	}
	if p.Listen != "" {
		if _, _, err := Local(p.Listen); err != nil {
			return err
		}
	}
	for _, t := range p.Targets {
		network, address, err := Local(t)
		if err != nil {
			return err
		}
		if network == "tcp" && strings.HasSuffix(address, ":0") {
			return fmt.Errorf("%q is no target: nothing is at port 0", t)
		}
	}
	if p.Type == Meta {
		return nil // they are options, and checked as such
	}
	for _, d := range p.Destinations {
		if _, _, err := Remote(d); err != nil {
			return err
		}
	}
	return nil
}

func (p Plan) checkDestination() error {
	if p.Type.Serves() && (p.DelayOpen || p.IdleClose > 0) {
		return fmt.Errorf("a server without tunnels does not wait for anybody: nobody could reach it")
	}
	if p.Key != "" && p.Key != Transient {
		if err := CheckKey(p.Key); err != nil {
			return fmt.Errorf("key: %w", err)
		}
	}
	if p.Share == "" {
		return nil
	}
	if p.Type.Serves() {
		return fmt.Errorf("a server has a destination of its own, and shares none")
	}
	if p.Key != "" {
		return fmt.Errorf("a shared destination has no key")
	}
	return CheckName(p.Share)
}

// checkSettings looks at what is for one type only.
func (p Plan) checkSettings() error {
	for _, s := range []struct {
		of   Type
		here bool
	}{
		{HTTP, p.HTTP != nil}, {SOCKS, p.SOCKS != nil}, {IRC, p.IRC != nil}, {p.udpType(), p.UDP != nil}, {HTTPServer, p.HTTPServer != nil}, {IRCServer, p.IRCServer != nil},
	} {
		if s.here && s.of != p.Type {
			return fmt.Errorf("settings of type %s for a forward of type %s", s.of, p.Type)
		}
	}
	if !p.Type.Serves() && (len(p.Access.Allow)+len(p.Access.Deny) > 0 || p.Access.Filter != "") {
		return fmt.Errorf("nobody comes to a forward of type %s by I2P: it has no access list", p.Type)
	}
	if p.Access.Filter != "" && !filepath.IsAbs(p.Access.Filter) {
		return fmt.Errorf("access.filter: %q is no absolute path", p.Access.Filter)
	}
	if p.Access.Allow != nil && len(p.Access.Allow) == 0 {
		return fmt.Errorf("access.allow: nobody is in it; without it everybody may come")
	}
	for _, peer := range slices.Concat(p.Access.Allow, p.Access.Deny) {
		n, err := i2p.ParseName(peer)
		switch {
		case err != nil:
			return fmt.Errorf("access: %w", err)
		case n.Kind == i2p.NameBlinded, n.Port != 0:
			return fmt.Errorf("access: %q: peers are known by names, destinations and their b32 addresses, without ports", peer)
		}
	}
	if p.HTTP != nil {
		for _, port := range p.HTTP.ConnectPorts {
			if port < 1 || port > 65535 {
				return fmt.Errorf("http.connect_ports: %d is no port", port)
			}
		}
	}
	for _, o := range p.outproxies() {
		if _, _, err := Remote(o.Host); err != nil {
			return fmt.Errorf("outproxy: %w", err)
		}
	}
	return nil
}

// checkDatagrams looks at the ends of those that carry datagrams, which have one of each, and know no Unix
// sockets.
func (p Plan) checkDatagrams() error {
	if !p.Type.Datagrams() {
		return nil
	}
	if len(p.Targets) > 1 || len(p.Destinations) > 1 {
		return fmt.Errorf("a forward of type %s leads to one place", p.Type)
	}
	for _, text := range append(p.Targets[:len(p.Targets):len(p.Targets)], p.Listen) {
		if strings.HasPrefix(text, "unix:") {
			return fmt.Errorf("%q: datagrams need an address such as 127.0.0.1:7000, and no Unix socket", text)
		}
	}
	return nil
}

// udpType is the type that has settings of UDP.
func (p Plan) udpType() Type {
	if p.Type == UDPServer {
		return UDPServer
	}
	return UDPClient
}

// checkUDP looks at how datagrams say from whom they are.
func (p Plan) checkUDP() error {
	if p.UDP == nil {
		return nil
	}
	switch protocol := p.UDP.Protocol; {
	case protocol != "" && p.Type == UDPServer:
		return fmt.Errorf("udp.protocol: a server takes what its clients send")
	case protocol == "raw":
		return fmt.Errorf("udp.protocol: nobody could answer what is raw: expected repliable, datagram2 or datagram3")
	case !slices.Contains([]string{"", "repliable", "datagram2", "datagram3"}, protocol):
		return fmt.Errorf("udp.protocol: %q is none of repliable, datagram2 and datagram3", protocol)
	case protocol == "datagram3" && p.UDP.Signed:
		return fmt.Errorf("udp.signed: no datagram3 is signed")
	}
	return nil
}

func (p Plan) checkOrder() error {
	if !slices.Contains([]Order{"", InTurn, AtRandom, AsListed}, p.Order) {
		return fmt.Errorf("order: %q is none of %s, %s and %s", string(p.Order), InTurn, AtRandom, AsListed)
	}
	return nil
}

// checkLimits refuses limits that nobody would keep.
func (p Plan) checkLimits() error {
	l, counts := p.Limits, !p.Type.Proxies() && !p.Type.Datagrams() // streams, as they are opened
	switch {
	case min(l.Streams, l.PeerStreams, l.PeerPerMinute, l.PeerPerHour, l.PeerPerDay, l.PerMinute, l.PerHour, l.PerDay) < 0:
		return fmt.Errorf("limits are not negative")
	case l.PeerStreams > 0 && !p.Type.Serves():
		return fmt.Errorf("nobody comes to a forward of type %s by I2P: limits.peer_streams says nothing", p.Type)
	}
	for _, in := range []struct {
		time      string
		peer, all int
	}{{"minute", l.PeerPerMinute, l.PerMinute}, {"hour", l.PeerPerHour, l.PerHour}, {"day", l.PeerPerDay, l.PerDay}} {
		switch {
		case in.peer > 0 && (!p.Type.Serves() || !counts):
			return fmt.Errorf("a forward of type %s has no limits.peer_per_%s", p.Type, in.time)
		case in.all > 0 && !counts:
			return fmt.Errorf("a forward of type %s has no limits.per_%s", p.Type, in.time)
		}
	}
	return nil
}

func (p Plan) outproxies() []Outproxy {
	switch {
	case p.HTTP != nil:
		return p.HTTP.Outproxies
	case p.SOCKS != nil:
		return p.SOCKS.Outproxies
	}
	return nil
}

func (p Plan) checkOptions() error {
	_, problems := options.Parse(options.Default(), p.Asked())
	return problems.But(options.Moot).Err()
}

// Local takes the address of this machine's side apart: "127.0.0.1:80", "[::1]:80", "localhost:80" or
// "unix:/path".
func Local(text string) (network, address string, err error) {
	if path, ok := strings.CutPrefix(text, "unix:"); ok {
		if !filepath.IsAbs(path) {
			return "", "", fmt.Errorf("%q is no absolute path", path)
		}
		return "unix", path, nil
	}
	_, err = netip.ParseAddrPort(text)
	if port, ok := strings.CutPrefix(text, "localhost:"); ok {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return "", "", fmt.Errorf("%q is no address such as 127.0.0.1:80 or unix:/run/web.sock", text)
	}
	return "tcp", text, nil
}

// Remote takes an address of I2P and its port apart; without a port that is 0.
func Remote(text string) (host string, port uint16, err error) {
	n, err := i2p.ParseName(text)
	if err != nil {
		return "", 0, err
	}
	port, n.Port = n.Port, 0
	return n.String(), port, nil
}
