package config

import (
	"bytes"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"

	"i2ptoolkit/pkg/options"
	"i2ptoolkit/pkg/routerinfo"
)

// Setting is one key of router.toml: what is said of it, and what its value is held to.
type Setting struct {
	Key     string // with its table: "bandwidth.in"
	Doc     string // sentences; paragraphs and lists have no place here
	Unit    string // of a number
	Least   int    // of a number
	Most    int
	OneOf   []string // of a text: the values there are
	Unset   string   // what holds where it is empty or 0
	Flag    string   // the option of i2p-router that is laid over it, without its dashes
	Reload  Reload   // when a changed value holds
	Default any
	field   []int
}

// Reload is when a value holds that a running router reads again.
type Reload string

// When a value holds. What else a setting depends on is for who applies it to say: an address
// is published at once only where it needs no other port to be bound.
const (
	AtOnce    Reload = "at once"
	WhenOpen  Reload = "for destinations that are opened from then on"
	IfBound   Reload = "at once, unless other addresses are to be bound: then with the next start"
	NextStart Reload = "with the next start"
)

// described is what the keys of Config's fields mean. The type says the rest.
func described() []Setting {
	const lengths, quantities = options.MaxLength, options.MaxQuantity
	return append([]Setting{
		{Key: "data_dir", Flag: "dir", Doc: "The directory with the router's keys, its netDb and its other state. It has one router at a time. Unlike --dir it does not move the socket.", Unset: "$XDG_STATE_HOME/i2p, else ~/.local/state/i2p", Reload: NextStart},
		{Key: "ephemeral", Flag: "ephemeral", Doc: "Write nothing to a disk: the router has a new identity at every start, and its netDb is lost with it. There is the control socket, while the router runs; data_dir is not used. Core dumps are off.", Reload: NextStart},
		{Key: "state_passphrase", Flag: "state-passphrase", Doc: "Where the passphrase comes from with which the data directory is encrypted: prompt (at the terminal), env:NAME or file:PATH. A directory in clear is encrypted at the start; i2p-router state decrypt is the way back.", Unset: "the environment's I2P_STATE_PASSPHRASE; without that the files are in clear", Reload: NextStart},
		{Key: "socket", Flag: "socket", Doc: "The path of the control socket. The other programs do not read this file: name a path other than theirs to them with --socket or I2P_SOCKET.", Unset: "where the other programs look: router.sock in a directory named by --dir or I2P_DIR, else $XDG_RUNTIME_DIR/i2p/router.sock, else router.sock in the default data directory", Reload: NextStart},
		{Key: "log_level", Flag: "log-level", Doc: "The least important messages that are logged.", OneOf: []string{"debug", "info", "warn", "error"}, Reload: AtOnce},
		{Key: "netid", Flag: "netid", Doc: "The network that the router belongs to. 2 is the public one; routers of different networks do not speak to each other.", Least: 1, Most: 255, Reload: NextStart},
		{Key: "testnet", Flag: "testnet", Doc: "The network is private: no server is asked for routers unless it is named, reserved addresses may be published, and a tunnel may have several routers of one /16.", Reload: NextStart},
		{Key: "bootstrap", Flag: "bootstrap", Doc: "router.info files, netDb directories (Java's and i2pd's layouts) and zips that are read at the start. With them no reseed server is asked unless it is named.", Reload: AtOnce},
		{Key: "floodfill", Flag: "floodfill", Doc: "Keep and serve a part of the netDb. A hidden router cannot.", Reload: AtOnce},
		{Key: "floodfill_auto", Flag: "floodfill-auto", Doc: "Be a floodfill while the router has what that needs: others dial it, it has been up for hours, and has bandwidth, sessions and tunnels of others to spare. i2p-router status says why it is one or not.", Reload: AtOnce},
		{Key: "hidden", Flag: "hidden", Doc: "Publish no address.", Reload: AtOnce},
		{Key: "host", Flag: "host", Doc: "The IP addresses to publish. Only a testnet router publishes reserved ones. In the place of one that was the machine's and is so no longer, another of the machine's is published.", Unset: "those at which the router finds that strangers reach it, where it speaks SSU2; else none: it can dial, and cannot be dialled", Reload: IfBound},
		{Key: "port", Flag: "port", Doc: "The port to listen on and to publish.", Most: 65535, Unset: "drawn from 9000 to 30999 at the first start, and kept in the data directory", Reload: NextStart},
		{Key: "port_mapping", Flag: "no-port-mapping", Doc: "Ask the gateway of a home network, by PCP, NAT-PMP or UPnP, to pass the port on to this machine, and give it back at the end. Routers of private networks, hidden ones, and those with a public address of their own do not ask.", Reload: NextStart},

		{Key: "reseed.enabled", Flag: "no-reseed", Doc: "Ask for routers where too few are known. Without it, i2p-router reseed still does.", Reload: AtOnce},
		{Key: "reseed.urls", Flag: "reseed", Doc: "The servers to ask, such as https://reseed.example.org/.", Unset: "the known servers, if there are no sources either", Reload: AtOnce},
		{Key: "reseed.sources", Flag: "reseed", Doc: "su3 files, zips and netDb directories, which are read before a server is asked.", Reload: AtOnce},
		{Key: "reseed.proxy", Flag: "reseed-proxy", Doc: "The proxy through which servers are reached: socks5://, socks5h://, http:// or https://.", Unset: "none", Reload: AtOnce},
		{Key: "reseed.threshold", Doc: "The router reseeds while it knows fewer others than this.", Unit: "routers", Most: 1 << 16, Reload: AtOnce},
		{Key: "reseed.certs", Doc: "Certificates of signers who are trusted, in files and directories.", Unset: "those whom Java I2P or i2pd trust", Reload: AtOnce},
		{Key: "reseed.roots", Doc: "A file with the certificates by which web servers are trusted.", Unset: "the system's", Reload: AtOnce},
		{Key: "reseed.pins", Doc: "Web servers that are trusted by their key alone: HOST=SHA256 of the key's SPKI, in hex or base64.", Reload: AtOnce},

		{Key: "ntcp2.enabled", Doc: "Speak NTCP2, over TCP. A router without it speaks SSU2 alone.", Reload: NextStart},
		{Key: "ntcp2.listen", Flag: "listen", Doc: "What to bind, each as ADDRESS:PORT.", Unset: "port, at every address of IPv4 and of IPv6 that the machine has; of a host on loopback that address alone, and behind a proxy the families of host", Reload: NextStart},
		{Key: "ntcp2.hybrid", Doc: "The post-quantum hybrid of X25519 that is published for sessions: ML-KEM-512, ML-KEM-768 or ML-KEM-1024; of others each is taken. With none there are no hybrids. Peers that know of none are served as ever.", Reload: NextStart},
		{Key: "ntcp2.proxy", Doc: "The proxy through which peers are dialled, and none without it: socks5://HOST:PORT or http://HOST:PORT (CONNECT), with NAME:PASSWORD@ before the host where it wants them. The router listens on nothing and publishes no address unless host or ntcp2.listen say so, and asks no gateway for a port; SSU2 must be off, or have ssu2.proxy. Reseeding has a proxy of its own, reseed.proxy.", Unset: "peers are dialled from this machine", Reload: NextStart},
		{Key: "ntcp2.max_sessions", Doc: "The most sessions with other routers at a time.", Unit: "sessions", Least: 1, Most: 1 << 16, Reload: AtOnce},

		{Key: "ssu2.enabled", Flag: "no-ssu2", Doc: "Speak SSU2, over UDP, at the addresses and the port of NTCP2; a port that is drawn is the same for both if it is free. The router finds out by itself whether strangers reach it: then it publishes where, if host names no address of the family, and helps others to find out; else it publishes routers that introduce others to it.", Reload: NextStart},
		{Key: "ssu2.hybrid", Doc: "The post-quantum hybrid of X25519 that is published as preferred for sessions: ML-KEM-768, which takes an mtu of 1318 over IPv4 and of 1338 over IPv6, and leaves peers with less ML-KEM-512; or ML-KEM-512 alone. Of others each of the two is taken. With none there are no hybrids. Peers that know of none are served as ever.", Reload: NextStart},
		{Key: "ssu2.proxy", Doc: "The proxy through which peers are dialled over SSU2, and none without it: socks5://HOST:PORT, with NAME:PASSWORD@ before the host where it wants them. It has to relay datagrams (UDP ASSOCIATE), which few do; where it stops, it is asked again. Over SSU2 the router is dialled by nobody then, publishes no address, and neither introduces others nor helps them to find out how they are reached; NTCP2 must be off, or have ntcp2.proxy.", Unset: "peers are dialled from this machine", Reload: NextStart},
		{Key: "ssu2.mtu", Doc: "The largest packets that the network of this machine carries.", Unit: "bytes, IP and UDP headers among them", Least: routerinfo.MinSSU2MTU, Most: routerinfo.MaxSSU2MTU, Reload: NextStart},

		{Key: "bandwidth.in", Flag: "bandwidth-in", Doc: "A hard limit of what comes in.", Unit: "KBps (1024 bytes a second)", Most: 1 << 24, Unset: "no limit", Reload: AtOnce},
		{Key: "bandwidth.out", Flag: "bandwidth-out", Doc: "A hard limit of what goes out.", Unit: "KBps (1024 bytes a second)", Most: 1 << 24, Unset: "no limit", Reload: AtOnce},
		{Key: "bandwidth.share", Flag: "share", Doc: "The part of the bandwidth that tunnels of others may use.", Unit: "percent", Most: 100, Reload: AtOnce},

		{Key: "transit.max_tunnels", Flag: "transit", Doc: "The most tunnels to carry for others.", Unit: "tunnels", Most: 1 << 20, Unset: "carry nothing", Reload: AtOnce},

		{Key: "exploratory.in_length", Doc: "The hops of an inbound tunnel.", Unit: "hops", Most: lengths, Unset: "none", Reload: AtOnce},
		{Key: "exploratory.out_length", Doc: "The hops of an outbound tunnel.", Unit: "hops", Most: lengths, Unset: "none", Reload: AtOnce},
		{Key: "exploratory.in_quantity", Doc: "The inbound tunnels to keep.", Unit: "tunnels", Least: options.MinQuantity, Most: quantities, Reload: AtOnce},
		{Key: "exploratory.out_quantity", Doc: "The outbound tunnels to keep.", Unit: "tunnels", Least: options.MinQuantity, Most: quantities, Reload: AtOnce},
		{Key: "client.in_length", Doc: "The hops of an inbound tunnel.", Unit: "hops", Most: lengths, Unset: "none", Reload: WhenOpen},
		{Key: "client.out_length", Doc: "The hops of an outbound tunnel.", Unit: "hops", Most: lengths, Unset: "none", Reload: WhenOpen},
		{Key: "client.in_quantity", Doc: "The inbound tunnels to keep.", Unit: "tunnels", Least: options.MinQuantity, Most: quantities, Reload: WhenOpen},
		{Key: "client.out_quantity", Doc: "The outbound tunnels to keep.", Unit: "tunnels", Least: options.MinQuantity, Most: quantities, Reload: WhenOpen},

		{Key: "names.subscriptions", Doc: "Feeds of names, such as http://example.i2p/hosts.txt, which are asked twice a day, each by a destination of its own. They come before those of addressbook/subscriptions.txt; the first that has a name gives it.", Unset: "those of i2p-lookup book subscribe alone: nobody is asked by itself", Reload: AtOnce},
		{Key: "names.jump", Doc: "Services that know names, each as \"NAME URL\"; the name that is looked for is put behind the URL. A page of the HTTP proxy shows links to them where a name is not known, unless the forward has http.jump. None is asked for anything before somebody follows its link.", Unset: "no links", Reload: AtOnce},
	}, slices.Concat(i2cpSettings(), samSettings(), bridgeSettings())...)
}

// TableDocs says what the tables of the file are about; "" are the keys before the first.
func TableDocs() map[string]string {
	return map[string]string{
		"":            "What the router is and where it listens",
		"reseed":      "Where a router that knows too few others gets them",
		"ntcp2":       "The TCP transport",
		"ssu2":        "The UDP transport",
		"bandwidth":   "Limits of the traffic",
		"transit":     "What is carried for others",
		"exploratory": "The router's own tunnels, for lookups and tests",
		"client":      "The tunnels of destinations that do not say otherwise",
		"names":       "Where names are learnt that the address books do not have",
		"i2cp":        "The server for applications that speak I2CP, such as Java's own",
		"sam":         "The server for applications that speak SAM",
		"bob":         "The Basic Open Bridge",
		"i2pcontrol":  "Control by other programs",
	}
}

// Settings are the keys of the file in its order, all of them: a field of Config that
// nobody has described is a fault of this package.
func Settings() []Setting {
	about := described()
	var all []Setting
	leaves(reflect.ValueOf(Default()), "", nil, func(key string, field []int, standard reflect.Value) {
		i := slices.IndexFunc(about, func(s Setting) bool { return s.Key == key })
		if i < 0 {
			panic(fmt.Sprintf("config: %s is not described", key))
		}
		s := about[i]
		s.field, s.Default = slices.Clone(field), standard.Interface()
		all = append(all, s)
	})
	return all
}

// leaves calls each with every field that has no fields of its own.
func leaves(v reflect.Value, table string, field []int, each func(key string, field []int, v reflect.Value)) {
	for i := range v.NumField() {
		f, of, at := v.Field(i), v.Type().Field(i), append(field, i)
		key := table + of.Tag.Get("toml")
		switch {
		case of.Anonymous: // its fields stand in the same table
			leaves(f, table, at, each)
		case f.Kind() == reflect.Struct:
			leaves(f, key+".", at, each)
		default:
			each(key, at, f)
		}
	}
}

// Table and Name are the parts of the key.
func (s Setting) Table() string {
	table, _, found := strings.Cut(s.Key, ".")
	if !found {
		return ""
	}
	return table
}

// Name is the key within its table.
func (s Setting) Name() string { return s.Key[strings.LastIndex(s.Key, ".")+1:] }

// Type says what values there are: "text", "list of texts", "true or false", "number, 0
// to 255".
func (s Setting) Type() string {
	switch s.Default.(type) {
	case bool:
		return "true or false"
	case []string:
		return "list of texts"
	case int:
		text := fmt.Sprintf("number, %d to %d", s.Least, s.Most)
		if s.Unit != "" {
			text += ", " + s.Unit
		}
		return text
	}
	if len(s.OneOf) > 0 {
		return "text: " + strings.Join(s.OneOf, ", ")
	}
	return "text"
}

// line is the key and a value as they stand in the file.
func (s Setting) line(value any) string {
	var out bytes.Buffer
	if err := toml.NewEncoder(&out).Encode(map[string]any{s.Name(): value}); err != nil {
		panic(fmt.Sprintf("config: %v", err)) // no setting has a value that TOML lacks
	}
	return out.String()
}

// DefaultText is the value that holds where the file says nothing, as it would stand there.
func (s Setting) DefaultText() string {
	_, value, _ := strings.Cut(strings.TrimSpace(s.line(s.Default)), " = ")
	return value
}

// of is the setting's value.
func (s Setting) of(c Config) any { return reflect.ValueOf(c).FieldByIndex(s.field).Interface() }

// Copy gives one configuration the setting's value that another has.
func (s Setting) Copy(to *Config, from Config) {
	reflect.ValueOf(to).Elem().FieldByIndex(s.field).Set(reflect.ValueOf(from).FieldByIndex(s.field))
}

// check tells whether a value is one of those that there are.
func (s Setting) check(c Config) error {
	switch v := s.of(c).(type) {
	case int:
		if v < s.Least || v > s.Most {
			return faultf(s.Key, "%d is not within %d to %d", v, s.Least, s.Most)
		}
	case string:
		if len(s.OneOf) > 0 && !slices.Contains(s.OneOf, v) {
			return faultf(s.Key, "%q is none of %s", v, strings.Join(s.OneOf, ", "))
		}
	}
	return nil
}

// AppendTo appends the settings as TOML.
func (c Config) AppendTo(b []byte) []byte {
	return c.appendWith(b, func(Setting) string { return "" })
}

// AppendCommented appends the settings as TOML, and before each of them what it means.
func (c Config) AppendCommented(b []byte) []byte {
	return c.appendWith(b, func(s Setting) string {
		text := fmt.Sprintf("%s (%s)", s.Doc, s.Type())
		if s.Unset != "" {
			text += fmt.Sprintf(" %s: %s.", s.unset(), s.Unset)
		}
		return "\n# " + text + "\n"
	})
}

// unset is the value that stands for none.
func (s Setting) unset() string {
	if _, isNumber := s.Default.(int); isNumber {
		return "0"
	}
	return "Empty"
}

func (c Config) appendWith(b []byte, comment func(Setting) string) []byte {
	table := ""
	for _, s := range Settings() {
		if s.Table() != table {
			table = s.Table()
			b = fmt.Appendf(b, "\n[%s]\n", table)
		}
		b = append(append(b, comment(s)...), s.line(s.of(c))...)
	}
	return b
}

// Changed are the settings whose values differ.
func (c Config) Changed(other Config) []Setting {
	return slices.DeleteFunc(Settings(), func(s Setting) bool { return reflect.DeepEqual(s.of(c), s.of(other)) })
}
