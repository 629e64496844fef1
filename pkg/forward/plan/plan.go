// Package plan says what a forward is to be: which local address or target it joins with which
// destination, how, and for whom. Plans are written by people as TOML and by programs as JSON.
package plan

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Type is what a forward does.
type Type string

// The types, by the names that i2p-tunnel's verbs have.
const (
	Client        Type = "client"        // a local address leads to a destination
	Server        Type = "server"        // a destination leads to a local target
	HTTP          Type = "http"          // an HTTP proxy
	SOCKS         Type = "socks"         // a SOCKS proxy
	IRC           Type = "irc"           // client, with what leaks taken out
	HTTPServer    Type = "httpserver"    // server, for a web server
	IRCServer     Type = "ircserver"     // server, for an IRC server
	UDPClient     Type = "udpclient"     // client, for datagrams
	UDPServer     Type = "udpserver"     // server, for datagrams
	StreamrClient Type = "streamrclient" // subscribes to a sender of datagrams
	StreamrServer Type = "streamrserver" // sends datagrams to those who subscribe
	Meta          Type = "meta"          // a destination in whose place others serve
)

// Types are all of them.
func Types() []Type {
	return []Type{Client, Server, HTTP, SOCKS, IRC, HTTPServer, IRCServer, UDPClient, UDPServer, StreamrClient, StreamrServer, Meta}
}

// Serves tells whether the forward's destination is for peers; else it goes to theirs.
func (t Type) Serves() bool {
	return t == Server || t == HTTPServer || t == IRCServer || t == UDPServer || t == StreamrServer || t == Meta
}

// Proxies tells whether its users say where they want to go.
func (t Type) Proxies() bool { return t == HTTP || t == SOCKS }

// Datagrams tells whether it carries datagrams, and no streams.
func (t Type) Datagrams() bool {
	return t == UDPClient || t == UDPServer || t == StreamrClient || t == StreamrServer
}

// Plan is what one forward is to be. Zero fields leave it to the router.
type Plan struct {
	Name    string `toml:"-" json:"name"`
	Type    Type   `toml:"type" json:"type"`
	Stopped bool   `toml:"stopped,omitempty" json:"stopped,omitempty"` // it is kept, and does nothing

	// Listen is where local users connect, "127.0.0.1:7000" or "unix:/path"; of a streamr server,
	// where its source sends to.
	Listen string `toml:"listen,omitempty" json:"listen,omitempty"`
	// Destinations are where a client goes: names or addresses of I2P, with ":PORT" behind.
	// Of several, Order says which is tried first; the next one follows where one cannot be reached. Of a meta those who serve, by their addresses, with what each costs behind
	// a space where that is not 0.
	Destinations []string `toml:"destinations,omitempty" json:"destinations,omitempty"`
	// Targets are where a server goes, "127.0.0.1:80" or "unix:/path". As of Destinations.
	Targets []string `toml:"targets,omitempty" json:"targets,omitempty"`
	Order   Order    `toml:"order,omitempty" json:"order,omitempty"`
	Port    int      `toml:"port,omitzero" json:"port,omitempty"` // of I2P, on which a server listens; 0: any

	// Key is the name of a key file in the router's data directory, made where it is missing;
	// "transient": a new destination at each start. Servers have one named after them by default, and
	// clients a transient one.
	Key string `toml:"key,omitempty" json:"key,omitempty"`
	// Share is the name of a group of clients and proxies that are one destination.
	Share     string   `toml:"share,omitempty" json:"share,omitempty"`
	DelayOpen bool     `toml:"delay_open,omitempty" json:"delay_open,omitempty"` // there are no tunnels before somebody connects
	IdleClose Duration `toml:"idle_close,omitzero" json:"idle_close,omitempty"`  // there are none once nobody has been connected for so long

	Access  Access            `toml:"access,omitzero" json:"access,omitzero"`
	Limits  Limits            `toml:"limits,omitzero" json:"limits,omitzero"`
	Options map[string]string `toml:"options,omitempty" json:"options,omitempty"` // of I2CP, by their documented names

	HTTP       *HTTPSettings       `toml:"http,omitempty" json:"http,omitempty"`
	SOCKS      *SOCKSSettings      `toml:"socks,omitempty" json:"socks,omitempty"`
	IRC        *IRCSettings        `toml:"irc,omitempty" json:"irc,omitempty"`
	UDP        *UDPSettings        `toml:"udp,omitempty" json:"udp,omitempty"`
	HTTPServer *HTTPServerSettings `toml:"httpserver,omitempty" json:"httpserver,omitempty"`
	IRCServer  *IRCServerSettings  `toml:"ircserver,omitempty" json:"ircserver,omitempty"`
}

// Order is which of several destinations or targets is tried first for a connection.
type Order string

// The orders. Without one it is InTurn.
const (
	InTurn   Order = "turn" // the next one each time
	AtRandom Order = "random"
	AsListed Order = "first" // the first always: the others are for when it cannot be reached
)

// Access is whose streams a server takes. Peers are b32 addresses, hashes, destinations or names.
type Access struct {
	Allow []string `toml:"allow,omitempty" json:"allow,omitempty"` // these alone
	Deny  []string `toml:"deny,omitempty" json:"deny,omitempty"`   // all but these
	// Filter is the path of a file of rules (Access Filter Format).
	Filter string `toml:"filter,omitempty" json:"filter,omitempty"`
}

// Limits bound what a forward carries. 0 is no limit but the door's own. Those of peers are for servers,
// and what is opened in a time is counted of neither proxies nor datagrams, which have flows for streams.
type Limits struct {
	Streams       int `toml:"streams,omitzero" json:"streams,omitempty"` // at a time
	PeerStreams   int `toml:"peer_streams,omitzero" json:"peer_streams,omitempty"`
	PeerPerMinute int `toml:"peer_per_minute,omitzero" json:"peer_per_minute,omitempty"` // opened
	PeerPerHour   int `toml:"peer_per_hour,omitzero" json:"peer_per_hour,omitempty"`
	PeerPerDay    int `toml:"peer_per_day,omitzero" json:"peer_per_day,omitempty"`
	PerMinute     int `toml:"per_minute,omitzero" json:"per_minute,omitempty"`
	PerHour       int `toml:"per_hour,omitzero" json:"per_hour,omitempty"`
	PerDay        int `toml:"per_day,omitzero" json:"per_day,omitempty"`
}

// Outproxy leads to what is not in I2P.
type Outproxy struct {
	Host     string `toml:"host" json:"host"` // a name or address of I2P, with ":PORT" behind
	SOCKS    bool   `toml:"socks,omitempty" json:"socks,omitempty"`
	User     string `toml:"user,omitempty" json:"user,omitempty"`
	Password string `toml:"password,omitempty" json:"password,omitempty"`
}

// Account may use a proxy.
type Account struct {
	User     string `toml:"user" json:"user"`
	Password string `toml:"password" json:"password"`
}

// HTTPSettings are an HTTP proxy's.
type HTTPSettings struct {
	Outproxies     []Outproxy `toml:"outproxies,omitempty" json:"outproxies,omitempty"`
	Accounts       []Account  `toml:"accounts,omitempty" json:"accounts,omitempty"`
	Jump           []string   `toml:"jump,omitempty" json:"jump,omitempty"`
	ConnectOnly    bool       `toml:"connect_only,omitempty" json:"connect_only,omitempty"`
	ConnectPorts   []int      `toml:"connect_ports,omitempty" json:"connect_ports,omitempty"`
	AcceptLanguage bool       `toml:"accept_language,omitempty" json:"accept_language,omitempty"`
}

// SOCKSSettings are a SOCKS proxy's.
type SOCKSSettings struct {
	Outproxies []Outproxy `toml:"outproxies,omitempty" json:"outproxies,omitempty"`
	Accounts   []Account  `toml:"accounts,omitempty" json:"accounts,omitempty"`
	Isolate    bool       `toml:"isolate,omitempty" json:"isolate,omitempty"` // a destination for each user's name
	UDP        bool       `toml:"udp,omitempty" json:"udp,omitempty"`
	Extended   bool       `toml:"extended,omitempty" json:"extended,omitempty"` // failures by Tor's codes
}

// IRCSettings are an IRC client's.
type IRCSettings struct {
	DCC bool `toml:"dcc,omitempty" json:"dcc,omitempty"` // let it through
}

// UDPSettings are those of a client and a server of datagrams. Where one of the two has Signed, so must the other.
type UDPSettings struct {
	// Protocol is by which a client says from whom its datagrams are: "repliable" (17), which is what holds
	// without it, "datagram2" (19) or "datagram3" (20). A server takes all of them.
	Protocol string `toml:"protocol,omitempty" json:"protocol,omitempty"`
	Signed   bool   `toml:"signed,omitempty" json:"signed,omitempty"` // every datagram is, and others are refused
}

// HTTPServerSettings are those of what stands before a web server.
type HTTPServerSettings struct {
	Host            string   `toml:"host,omitempty" json:"host,omitempty"` // what Host says to the server; empty: as it came
	RejectInproxies bool     `toml:"reject_inproxies,omitempty" json:"reject_inproxies,omitempty"`
	RejectReferer   bool     `toml:"reject_referer,omitempty" json:"reject_referer,omitempty"`
	RejectAgents    []string `toml:"reject_agents,omitempty" json:"reject_agents,omitempty"`
	PostsPerPeer    int      `toml:"posts_per_peer,omitzero" json:"posts_per_peer,omitempty"` // in PostPeriod
	Posts           int      `toml:"posts,omitzero" json:"posts,omitempty"`
	PostPeriod      Duration `toml:"post_period,omitzero" json:"post_period,omitempty"`
	PostBan         Duration `toml:"post_ban,omitzero" json:"post_ban,omitempty"`
}

// IRCServerSettings are those of what stands before an IRC server.
type IRCServerSettings struct {
	WebIRC   bool   `toml:"webirc,omitempty" json:"webirc,omitempty"`
	Password string `toml:"password,omitempty" json:"password,omitempty"` // of WEBIRC
	Cloak    string `toml:"cloak,omitempty" json:"cloak,omitempty"`       // a secret of which peers' host names are made; empty: those are their b32 addresses
	Suffix   string `toml:"suffix,omitempty" json:"suffix,omitempty"`     // of those
}

// Equal tells whether two plans say the same.
func (p Plan) Equal(q Plan) bool {
	a, errA := json.Marshal(p)
	b, errB := json.Marshal(q)
	return errA == nil && errB == nil && bytes.Equal(a, b)
}

// SameDestination tells whether two plans can have one destination, after one another: its keys are the
// same. Its options may have to be changed.
func (p Plan) SameDestination(q Plan) bool {
	return p.Name == q.Name && p.Type.Serves() == q.Type.Serves() && p.KeyName() == q.KeyName() && p.Share == q.Share
}

// Conflict tells why two plans, which are to be one destination, cannot be: one destination has each option once.
// What only one of them asks for holds for both.
func (p Plan) Conflict(q Plan) error {
	if p.Name == q.Name || p.Share != q.Share || p.Share == "" && (p.KeyName() == "" || p.KeyName() != q.KeyName()) {
		return nil
	}
	mine, theirs := p.Asked(), q.Asked()
	for _, option := range slices.Sorted(maps.Keys(mine)) {
		if value, has := theirs[option]; has && value != mine[option] {
			return fmt.Errorf("it shares its destination with %s, which asks for %s=%s, and not for %s", q.Name, option, value, mine[option])
		}
	}
	return nil
}

// Transient is the Key of a destination that is a new one at each start.
const Transient = "transient"

// KeyName is the key file's name, empty for a transient destination.
func (p Plan) KeyName() string {
	switch {
	case p.Key == Transient || p.Key == "" && !p.Type.Serves():
		return ""
	case p.Key == "":
		return p.Name + ".dat"
	}
	return p.Key
}

// Asked are the options of the forward's destination.
func (p Plan) Asked() map[string]string {
	if p.Type != Meta {
		return p.Options
	}
	asked := map[string]string{"i2cp.leaseSetType": "7"}
	for i, d := range p.Destinations {
		asked[fmt.Sprintf("i2cp.leaseSetMeta.%d", i)] = d
	}
	maps.Copy(asked, p.Options)
	return asked
}

// Duration is a time that is written as "90s" or "15m".
type Duration time.Duration

// MarshalText writes it.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText reads it.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	if err != nil || v < 0 {
		return fmt.Errorf("%q is no time such as 90s or 15m", text)
	}
	*d = Duration(v)
	return nil
}

// ParseJSON reads a plan, and refuses what it does not know.
func ParseJSON(text []byte) (Plan, error) {
	var p Plan
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil {
		return Plan{}, fmt.Errorf("plan: %w", err)
	}
	return p, p.Check()
}
