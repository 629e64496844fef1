// Package control holds the words of the control API: the JSON that a running router and
// its tools exchange over the router's Unix socket. It has no I/O; control/server answers,
// control/client asks.
package control

import "time"

// APILevel is the I2P API level that this toolkit implements and that routers publish as
// router.version. It is not the toolkit's own version.
const APILevel = "0.9.68"

// State is where a router stands between start and stop.
type State string

// The states of a router, in the order it passes through them.
const (
	StateStarting State = "starting" // the control socket answers, no tunnels yet
	StateRunning  State = "running"  // exploratory tunnels stand both ways
	StateStopping State = "stopping" // a graceful stop is under way
)

// Status is the answer of GET /v1/status. Scripts read its fields by their names, so it stays as
// flat as it has always been: what is counted together has a type of its own, and all else that
// is true of the router as a whole stands here.
type Status struct {
	Version       string        `json:"version"`
	APILevel      string        `json:"api_level"`
	State         State         `json:"state"`
	Lacks         string        `json:"lacks,omitempty"` // why there are no tunnels; empty: there are some, or soon will be
	Started       time.Time     `json:"started"`
	UptimeSeconds int64         `json:"uptime_seconds"`
	Router        string        `json:"router"` // router hash, I2P base64
	NetID         int           `json:"net_id"`
	Caps          string        `json:"caps"`
	Floodfill     bool          `json:"floodfill"`
	FloodfillWhy  string        `json:"floodfill_why"` // why it is one, or is none
	Hidden        bool          `json:"hidden"`
	Testnet       bool          `json:"testnet"`
	DataDir       string        `json:"data_dir"`
	Addresses     []string      `json:"addresses"`              // what we publish, "NTCP2 192.0.2.1:12345"
	AddressLost   string        `json:"address_lost,omitempty"` // how that differs from the settings, as the machine's address has changed
	Reach         []Reach       `json:"reach"`                  // how others reach us, a line for each family; none where nothing finds it out
	PortMapping   *PortMapping  `json:"port_mapping,omitempty"` // what the gateway was asked for; none where it is not asked
	Known         Known         `json:"known"`
	Sessions      int           `json:"sessions"`
	Clients       int           `json:"clients"` // local destinations
	Tunnels       TunnelCounts  `json:"tunnels"`
	Builds        BuildCounts   `json:"builds"`
	Transit       TransitCounts `json:"transit"`
	Traffic       Traffic       `json:"traffic"`
	Reseed        Reseed        `json:"reseed"`
	LogLevel      string        `json:"log_level"`
}

// PortMapping tells of the gateway that is asked to pass ports on to this machine.
type PortMapping struct {
	By      string       `json:"by"` // PCP, NAT-PMP, UPnP IGD; empty is no gateway
	Ports   []MappedPort `json:"ports"`
	Problem string       `json:"problem,omitempty"` // why there are not all
}

// MappedPort is one that the gateway passes on, as it says.
type MappedPort struct {
	Protocol string    `json:"protocol"` // TCP, UDP
	Internal int       `json:"internal"`
	External string    `json:"external"` // ADDRESS:PORT
	Until    time.Time `json:"until"`    // unless it is renewed
}

// Known counts what the netDb holds.
type Known struct {
	Routers    int `json:"routers"`
	Floodfills int `json:"floodfills"`
	LeaseSets  int `json:"lease_sets"`
}

// TunnelCounts counts the tunnels that stand.
type TunnelCounts struct {
	ExploratoryIn  int `json:"exploratory_in"`
	ExploratoryOut int `json:"exploratory_out"`
	ClientIn       int `json:"client_in"`
	ClientOut      int `json:"client_out"`
	Transit        int `json:"transit"`
}

// BuildCounts counts the tunnel builds that we asked for since the start.
type BuildCounts struct {
	Accepted uint64 `json:"accepted"`
	Refused  uint64 `json:"refused"`
	Expired  uint64 `json:"expired"`
}

// TransitCounts counts what was asked of us and carried for others since the start.
type TransitCounts struct {
	Accepted uint64 `json:"accepted"` // tunnels
	Refused  uint64 `json:"refused"`
	Messages uint64 `json:"messages"`
	Bytes    uint64 `json:"bytes"`
}

// Traffic counts bytes on the wire; rates are bytes per second over the last seconds.
type Traffic struct {
	BytesIn  uint64 `json:"bytes_in"`
	BytesOut uint64 `json:"bytes_out"`
	RateIn   uint64 `json:"rate_in"`
	RateOut  uint64 `json:"rate_out"`
}

// Direction tells who began a session, or which way a tunnel carries messages.
type Direction string

// The two directions.
const (
	Inbound  Direction = "in"
	Outbound Direction = "out"
)

// Peer is one session with another router.
type Peer struct {
	Router      string    `json:"router"` // router hash, I2P base64
	Transport   string    `json:"transport"`
	Address     string    `json:"address"`
	Direction   Direction `json:"direction"`
	Version     string    `json:"version"`
	Caps        string    `json:"caps"`
	Hybrid      string    `json:"hybrid,omitempty"` // ML-KEM-768, …: what the session's keys depend on beside X25519
	Since       time.Time `json:"since"`
	BytesIn     uint64    `json:"bytes_in"`
	BytesOut    uint64    `json:"bytes_out"`
	MessagesIn  uint64    `json:"messages_in"`
	MessagesOut uint64    `json:"messages_out"`
	Queued      int       `json:"queued"`
}

// Tunnel is one tunnel that we created or take part in.
type Tunnel struct {
	Kind      string    `json:"kind"` // exploratory, client, transit
	Direction Direction `json:"direction"`
	Role      string    `json:"role"` // creator, gateway, participant, endpoint
	State     string    `json:"state"`
	ID        uint32    `json:"id"`               // our receive id, or of the first hop of an outbound tunnel
	Hops      []string  `json:"hops,omitempty"`   // router hashes in the order of flow, without us
	Owner     string    `json:"owner,omitempty"`  // b32 of the local destination
	RTTMillis int64     `json:"rtt_ms,omitempty"` // of the last test
	Created   time.Time `json:"created"`
	Expires   time.Time `json:"expires"`
	Messages  uint64    `json:"messages"`
	Bytes     uint64    `json:"bytes"`
}

// Transport is one transport's state.
type Transport struct {
	Name      string            `json:"name"` // NTCP2, SSU2
	Listen    []string          `json:"listen"`
	Published []string          `json:"published"`
	Sessions  int               `json:"sessions"`
	Pending   int               `json:"pending"` // handshakes under way
	BytesIn   uint64            `json:"bytes_in"`
	BytesOut  uint64            `json:"bytes_out"`
	Reach     []Reach           `json:"reach,omitempty"` // as far as this transport finds it out
	Counters  map[string]uint64 `json:"counters"`        // drops and refusals by reason
}

// Event is one line of GET /v1/events.
type Event struct {
	Time      time.Time `json:"time"`
	Event     string    `json:"event"` // router_state, peer_up, peer_down, tunnel_up, tunnel_down, …
	Router    string    `json:"router,omitempty"`
	Transport string    `json:"transport,omitempty"` // by which a peer came or went
	Tunnel    uint32    `json:"tunnel,omitempty"`
	Owner     string    `json:"owner,omitempty"`
	Detail    string    `json:"detail,omitempty"`
	Lost      uint64    `json:"lost,omitempty"` // events that this subscriber was too slow for
}

// LogLevel is the body of PUT /v1/log-level and the answer of GET.
type LogLevel struct {
	Level string `json:"level"` // debug, info, warn, error
}

// MetricsType is the content type of the answer of GET /v1/metrics, the Prometheus text format.
const MetricsType = "text/plain; version=0.0.4; charset=utf-8"

// Stop is the body of POST /v1/stop.
type Stop struct {
	Now      bool `json:"now"`      // do not wait for streams to end
	Graceful bool `json:"graceful"` // first let the tunnels run out that others have through the router
}
