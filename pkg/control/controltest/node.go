// Package controltest is a fake router behind a real control server, for the tests of the
// tools: fixed lists, and destinations that reach each other within the process.
package controltest

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"time"

	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/control/server"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/naming"
	"i2ptoolkit/pkg/options"
	"i2ptoolkit/pkg/sign"
)

// Node is the fake router. Its zero value is ready to be given to server.New.
type Node struct {
	// Records are what the netDb holds.
	Records []control.Record
	// Network is which it is in; 0: 99, which is a private one.
	Network int
	// Names are its address books; nil: they are empty.
	Names *naming.Names
	// NoTunnels makes Wait, Dial and Lookup wait for ever.
	NoTunnels bool
	// Few has it know two others, which are too few for the tunnels that are asked for; it lacks nothing else.
	Few bool
	// Hasty makes it give up at once what it otherwise waits for: that somebody listens at a
	// destination, and that the last user of one leaves it.
	Hasty bool
	// HangUp makes each end of a stream end both directions once the other has ended his, as
	// some implementations do.
	HangUp bool

	hall     hall
	forwards forwards

	mu      sync.Mutex
	level   string
	reloads int
	stopped chan struct{}
}

// epoch is the fake router's only date.
func epoch() time.Time { return time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC) }

// RouterHash is the fake router's own.
func RouterHash() string { return i2p.HashOf([]byte("fake router")).String() }

// Status is always the same.
func (n *Node) Status() control.Status {
	n.mu.Lock()
	defer n.mu.Unlock()
	state, lacks, network, known := control.StateRunning, "", cmp.Or(n.Network, 99), 12
	switch {
	case n.Few:
		known = 2
	case n.NoTunnels:
		state, lacks = control.StateStarting, "no other router is known, and reseed is off"
	}
	return control.Status{
		Version: "fake", APILevel: control.APILevel, State: state, Lacks: lacks, Started: epoch(), UptimeSeconds: 3723,
		Router: RouterHash(), NetID: network, Caps: "LR", Testnet: network == 99, DataDir: "/nowhere",
		Addresses:    []string{"NTCP2 127.0.0.1:7654"},
		Reach:        []control.Reach{{Family: "IPv4", State: control.ReachFirewalled, Reason: control.ReasonTestsBlocked, Since: epoch(), Seen: "192.0.2.1:7654", Introducers: 2}},
		FloodfillWhy: "the settings do not say so",
		Known:        control.Known{Routers: known, Floodfills: 3, LeaseSets: 1},
		Sessions:     1, Clients: n.hall.listening(), LogLevel: n.logLevel(),
		Tunnels: control.TunnelCounts{ExploratoryIn: 2, ExploratoryOut: 2, Transit: 5},
		Builds:  control.BuildCounts{Accepted: 4, Refused: 1},
		Transit: control.TransitCounts{Accepted: 5, Refused: 2, Messages: 30, Bytes: 30720},
		Traffic: control.Traffic{BytesIn: 1000, BytesOut: 2000, RateIn: 10, RateOut: 20},
		Reseed: control.Reseed{
			State: control.ReseedWaiting, Reason: "nobody was reached", Last: epoch(), Next: epoch().Add(time.Minute),
			Servers: []control.ReseedServer{
				{Server: "https://reseed.example.org/", Result: "refused", Reason: "connection refused", DurationMillis: 3},
			},
		},
	}
}

// Reseed takes 3 of 4 RouterInfos from every source but https://empty.example/.
func (n *Node) Reseed(_ context.Context, sources []string) (control.Reseed, error) {
	r := control.Reseed{State: control.ReseedEnough, Reached: true, Last: epoch(), Servers: []control.ReseedServer{}}
	if len(sources) == 0 {
		return r, control.Errorf(control.BadRequest, "this router has nowhere to reseed from: name a server or a file")
	}
	for _, s := range sources {
		if s == "https://empty.example/" {
			r.Servers = append(r.Servers, control.ReseedServer{Server: s, Result: "dns", Reason: "DNS: there is no such name"})
			continue
		}
		r.Learned += 3
		r.Servers = append(r.Servers, control.ReseedServer{
			Server: s, Result: "ok", Reason: "3 RouterInfos, 1 rejected: 1 bad signature", Status: 200, Bytes: 4000,
			Found: 4, Accepted: 3, New: 3, Rejected: map[string]int{"bad signature": 1}, Signer: "someone@mail.i2p",
		})
	}
	if r.Reason = fmt.Sprintf("%d RouterInfos", r.Learned); r.Learned == 0 {
		r.State, r.Reason, r.Reached = control.ReseedWaiting, "nobody was reached", false
	}
	return r, nil
}

// Peers is one peer.
func (n *Node) Peers() []control.Peer {
	return []control.Peer{{
		Router: i2p.HashOf([]byte("peer")).String(), Transport: "NTCP2", Address: "127.0.0.2:7655",
		Direction: control.Outbound, Version: "0.9.68", Caps: "XfR", Since: epoch(),
		BytesIn: 100, BytesOut: 200, MessagesIn: 3, MessagesOut: 4,
	}}
}

// Tunnels is one tunnel.
func (n *Node) Tunnels() []control.Tunnel {
	return []control.Tunnel{{
		Kind: "exploratory", Direction: control.Inbound, Role: "creator", State: "established", ID: 4242,
		Hops:    []string{i2p.HashOf([]byte("hop 1")).String(), i2p.HashOf([]byte("hop 2")).String()},
		Created: epoch(), Expires: epoch().Add(10 * time.Minute), Messages: 7, Bytes: 7168,
	}}
}

// Metrics are two that every router has.
func (n *Node) Metrics() []byte {
	return []byte("# HELP i2p_destinations Local destinations.\n# TYPE i2p_destinations gauge\ni2p_destinations 1\n")
}

// Transports is one transport.
func (n *Node) Transports() []control.Transport {
	return []control.Transport{{
		Name: "NTCP2", Listen: []string{"127.0.0.1:7654"}, Published: []string{"127.0.0.1:7654"},
		Sessions: 1, BytesIn: 1000, BytesOut: 2000, Counters: map[string]uint64{"replayed": 2},
	}}
}

// Doctor finds one thing that is well, and one that is not.
func (n *Node) Doctor() []control.Finding {
	return []control.Finding{
		{Check: "peers", Level: control.FindingOK, Text: "40 known routers"},
		{Check: "clock", Level: control.FindingProblem, Text: "it is wrong", Advice: "set it"},
	}
}

// Doors are one that is open, with two connections, and one that is not.
func (n *Node) Doors() []control.Door {
	return []control.Door{
		{
			Name: "sam", Enabled: true, Listen: []string{"127.0.0.1:7656"}, Connections: 2,
			Clients: []control.DoorClient{
				{Address: "127.0.0.1:40001", User: "alice", Since: epoch(), Doing: "session", Sessions: []control.DoorSession{
					{ID: "swarm", Style: "STREAM", B32: i2p.HashOf([]byte("swarm")).B32(), Since: epoch()},
				}},
				{Address: "127.0.0.1:40002", Since: epoch(), Doing: "stream accept", Sessions: []control.DoorSession{}},
			},
		},
		{Name: "i2cp", Listen: []string{}, Clients: []control.DoorClient{}},
	}
}

// NetDB filters Records.
func (n *Node) NetDB(kind string) []control.Record {
	var out []control.Record
	for _, r := range n.Records {
		if r.Kind == kind {
			out = append(out, r)
		}
	}
	return out
}

// Events tells of two events, and ends: a router without tunnels goes on.
func (n *Node) Events(ctx context.Context) <-chan control.Event {
	ch := make(chan control.Event, 2)
	ch <- control.Event{Time: epoch(), Event: "peer_up", Router: i2p.HashOf([]byte("peer")).String()}
	ch <- control.Event{Time: epoch(), Event: "tunnel_up", Tunnel: 4242, Detail: "exploratory in"}
	if n.NoTunnels {
		context.AfterFunc(ctx, func() { close(ch) })
		return ch
	}
	close(ch)
	return ch
}

// Wait waits for ever when there are no tunnels.
func (n *Node) Wait(ctx context.Context, state string) error {
	if state == control.WaitTunnels && n.NoTunnels {
		<-ctx.Done()
		return ctx.Err()
	}
	return nil
}

// Reload counts. Three settings have changed each time.
func (n *Node) Reload(context.Context) (control.Reloaded, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.reloads++
	return control.Reloaded{Changed: []control.Change{
		{Key: "port", Holds: control.HoldsNextStart}, {Key: "log_level", Holds: control.HoldsNow}, {Key: "client.in_length", Holds: control.HoldsWhenOpened},
	}}, nil
}

// Reloads is how often Reload was called.
func (n *Node) Reloads() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.reloads
}

func (n *Node) logLevel() string {
	if n.level == "" {
		return "info"
	}
	return n.level
}

// LogLevel is what ChangeLogLevel said last.
func (n *Node) LogLevel() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.logLevel()
}

// ChangeLogLevel knows two levels.
func (n *Node) ChangeLogLevel(level string) error {
	if level != "info" && level != "debug" {
		return control.Errorf(control.BadRequest, "there is no log level %q", level)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.level = level
	return nil
}

// Stopped is closed by whatever stops it.
func (n *Node) Stopped() <-chan struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.stop()
}

func (n *Node) stop() chan struct{} {
	if n.stopped == nil {
		n.stopped = make(chan struct{})
	}
	return n.stopped
}

// Stop closes Stopped.
func (n *Node) Stop() { n.StopNow() }

// StopGracefully does the same.
func (n *Node) StopGracefully() { n.StopNow() }

// StopNow does the same.
func (n *Node) StopNow() {
	n.mu.Lock()
	defer n.mu.Unlock()
	select {
	case <-n.stop():
	default:
		close(n.stopped)
	}
}

// Lookup finds Records.
func (n *Node) Lookup(ctx context.Context, kind string, hash i2p.Hash) (control.Record, error) {
	if n.NoTunnels {
		<-ctx.Done()
		return control.Record{}, ctx.Err()
	}
	for _, r := range n.Records {
		if r.Kind == kind && r.Hash == hash.String() {
			return r, nil
		}
	}
	return control.Record{}, control.Errorf(control.NotFound, "no floodfill has a %s under %s", kind, hash)
}

// OpenDestination makes a destination that others of this Node reach.
func (n *Node) OpenDestination(ctx context.Context, cfg server.DestinationConfig) (server.Destination, error) {
	asked, problems := options.Parse(options.Default(), cfg.Options)
	if problems.But(options.Moot).Err() != nil {
		return nil, control.Errorf(control.BadRequest, "%v", problems)
	}
	keys := cfg.Keys
	if keys == nil {
		var err error
		if keys, err = i2p.GenerateDestination(sign.EdDSA_SHA512_Ed25519, 4, Rand(n.hall.seed())); err != nil {
			return nil, err
		}
	}
	d := &destination{
		hall: &n.hall, keys: keys, dest: keys.Destination(), done: make(chan struct{}),
		patience: patience, noTunnels: n.NoTunnels, hangUp: n.HangUp,
	}
	if n.Hasty {
		d.patience = 0
	}
	var err error
	if d.set, err = setOf(keys, asked); err != nil {
		return nil, err
	}
	if err := d.occupy(ctx); err != nil {
		return nil, err
	}
	return d, nil
}

// Serve runs the node behind a control socket until ctx ends or it is stopped.
func (n *Node) Serve(ctx context.Context, path string) (wait func() error, err error) {
	srv, err := server.New(server.Config{Path: path, Node: n, Names: n.Names, Forwards: &n.forwards})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- srv.Run(ctx) }()
	go func() {
		select {
		case <-n.Stopped():
		case <-ctx.Done():
		}
		cancel()
	}()
	return func() error { return <-done }, nil
}
