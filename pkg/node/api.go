package node

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"i2ptoolkit/pkg/client"
	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/netdb"
	"i2ptoolkit/pkg/router"
	"i2ptoolkit/pkg/routerinfo"
	"i2ptoolkit/pkg/streaming"
)

// Status tells how the router is.
func (n *Node) Status() control.Status {
	now := n.cfg.Now()
	s := n.cfg.Settings
	c := n.router.Counts()
	t := n.transport.Stats()
	out := control.Status{
		Version: control.Version(), APILevel: control.APILevel, State: n.state(),
		Started: n.started.UTC(), UptimeSeconds: int64(now.Sub(n.started) / time.Second),
		Router: n.hash.String(), NetID: s.NetID, Caps: n.caps(),
		Floodfill: s.Floodfill, Hidden: s.Hidden, Testnet: s.Testnet, DataDir: s.DataDir,
		Addresses: n.published(), AddressLost: n.hosts.notes(),
		Known:    control.Known{Routers: c.DB.Routers, Floodfills: c.DB.Floodfills, LeaseSets: c.LeaseSets},
		Sessions: t.Sessions, Clients: c.Parties,
		Tunnels: control.TunnelCounts{
			ExploratoryIn: c.ExploratoryIn, ExploratoryOut: c.ExploratoryOut,
			ClientIn: c.ClientIn, ClientOut: c.ClientOut, Transit: c.Transit,
		},
		Builds:   control.BuildCounts{Accepted: c.BuildsAccepted, Refused: c.BuildsRefused, Expired: c.BuildsExpired},
		Traffic:  control.Traffic{BytesIn: t.BytesIn, BytesOut: t.BytesOut},
		LogLevel: n.LogLevel(),
	}
	out.Transit = control.TransitCounts{
		Accepted: c.TransitAccepted, Refused: c.TransitRefused, Messages: c.TransitMessages, Bytes: c.TransitBytes,
	}
	out.Reseed = n.joiner.Status()
	out.Lacks = n.lacks()
	out.Traffic.RateIn, out.Traffic.RateOut = n.rates.add(now, t.BytesIn, t.BytesOut)
	return out
}

func (n *Node) state() control.State {
	if n.stopping.Load() {
		return control.StateStopping
	}
	select {
	case <-n.router.Ready():
		return control.StateRunning
	default:
		return control.StateStarting
	}
}

func (n *Node) published() []string {
	out := []string{}
	if ri := n.info.Load(); ri != nil {
		for _, a := range ri.Addresses() {
			if ap := a.AddrPort(); ap.IsValid() {
				out = append(out, a.Style+" "+ap.String())
			}
		}
	}
	return out
}

// rates turns totals into bytes per second since they were last asked for, or
// over a second at least.
type rates struct {
	mu              sync.Mutex
	at              time.Time
	in, out         uint64
	rateIn, rateOut uint64
}

func (r *rates) add(now time.Time, in, out uint64) (uint64, uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.at.IsZero() {
		r.at, r.in, r.out = now, in, out
	}
	if d := now.Sub(r.at).Seconds(); d >= 1 {
		r.rateIn, r.rateOut = uint64(float64(in-r.in)/d), uint64(float64(out-r.out)/d)
		r.at, r.in, r.out = now, in, out
	}
	return r.rateIn, r.rateOut
}

// Peers lists the sessions.
func (n *Node) Peers() []control.Peer {
	var out []control.Peer
	for _, p := range n.transport.Peers() {
		c := control.Peer{
			Router: p.Hash.String(), Transport: routerinfo.StyleNTCP2, Address: p.Addr.String(),
			Direction: direction(p.Inbound), Version: p.Version, Since: p.Since.UTC(),
			BytesIn: p.BytesIn, BytesOut: p.BytesOut, MessagesIn: p.MessagesIn, MessagesOut: p.MessagesOut,
			Queued: p.Queue,
		}
		n.router.Do(func() {
			if ri := n.db.Router(p.Hash); ri != nil {
				c.Caps, c.Version = ri.Caps().Text, ri.Version()
			}
		})
		out = append(out, c)
	}
	return out
}

// Tunnels lists the tunnels, sorted by kind, direction and id.
func (n *Node) Tunnels() []control.Tunnel {
	var out []control.Tunnel
	for _, t := range n.router.Tunnels() {
		c := control.Tunnel{
			Kind: "transit", Direction: direction(t.Inbound), Role: t.Role.String(), State: "up",
			ID: t.ID, RTTMillis: t.RTT.Milliseconds(), Created: t.Created.UTC(), Expires: t.Expires.UTC(),
			Messages: t.Messages, Bytes: t.Bytes,
		}
		if t.Own {
			c.Kind, c.Role = "exploratory", "creator"
			if t.Client {
				c.Kind, c.Owner = "client", t.Owner
			}
		}
		if t.Failing {
			c.State = "failing"
		}
		for _, h := range t.Hops {
			c.Hops = append(c.Hops, h.String())
		}
		out = append(out, c)
	}
	slices.SortStableFunc(out, func(a, b control.Tunnel) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Direction, b.Direction), cmp.Compare(a.ID, b.ID))
	})
	return out
}

// Transports tells of NTCP2.
func (n *Node) Transports() []control.Transport {
	s := n.transport.Stats()
	t := control.Transport{
		Name: routerinfo.StyleNTCP2, Listen: []string{}, Published: n.published(),
		Sessions: s.Sessions, Pending: s.Pending + s.Dials, BytesIn: s.BytesIn, BytesOut: s.BytesOut,
		Counters: map[string]uint64{
			"dropped": s.Dropped, "expired": s.Expired, "malformed": s.Malformed, "bad_frames": s.BadFrames,
			"accepted": s.Accepted, "dialed": s.Dialed, "dials_failed": s.DialsFailed, "refused": s.Refused,
			"refused_peers": s.RefusedPeers, "junk": s.Junk, "replays": s.Replays, "skewed": s.Skewed,
			"handshakes_failed": s.Handshakes, "stalls": s.Stalls, "late": s.Late,
		},
	}
	select {
	case <-n.transport.Ready():
		for _, a := range n.transport.Addrs() {
			t.Listen = append(t.Listen, a.String())
		}
	default:
	}
	return []control.Transport{t}
}

// NetDB lists what is stored of one kind.
func (n *Node) NetDB(kind string) []control.Record {
	var out []control.Record
	if kind != control.KindRouterInfo {
		return out
	}
	n.router.Do(func() {
		for _, h := range n.db.Hashes() {
			if ri := n.db.Router(h); ri != nil {
				out = append(out, routerRecord(ri))
			}
		}
	})
	return out
}

func routerRecord(ri *routerinfo.RouterInfo) control.Record {
	return control.Record{Kind: control.KindRouterInfo, Hash: ri.Hash().String(), StoreType: i2np.StoreRouterInfo, Data: ri.Bytes()}
}

// Events subscribes.
func (n *Node) Events(ctx context.Context) <-chan control.Event { return n.events.subscribe(ctx) }

// Wait returns once a state stands.
func (n *Node) Wait(ctx context.Context, state string) error {
	switch state {
	case control.WaitReady:
		return nil
	case control.WaitTunnels:
		select {
		case <-n.router.Ready():
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return control.Errorf(control.BadRequest, "%q is no state to wait for, %s and %s are", state, control.WaitReady, control.WaitTunnels)
}

// Reload reads the settings again. What takes effect without a restart is the
// log level and the limit of transit tunnels; other settings that differ are
// named in the log.
func (n *Node) Reload() error {
	if n.cfg.Reread == nil {
		return control.Errorf(control.BadRequest, "this router has no settings to read again")
	}
	s, err := n.cfg.Reread()
	if err != nil {
		return control.Errorf(control.BadData, "%v", err)
	}
	if err := n.ChangeLogLevel(s.LogLevel); err != nil {
		return err
	}
	n.router.Limit(router.Limits{TransitTunnels: transitLimit(s.Transit.MaxTunnels)})
	n.log.Info("settings read again")
	var later []string
	for _, changed := range n.asked.Changed(s) {
		if !changed.Live {
			later = append(later, changed.Key)
		}
	}
	if len(later) > 0 {
		n.log.Warn("some settings take effect with the next start only", "keys", strings.Join(later, " "))
	}
	return nil
}

// LogLevel is the present one.
func (n *Node) LogLevel() string {
	if n.cfg.Level == nil {
		return n.cfg.Settings.LogLevel
	}
	switch n.cfg.Level.Level() {
	case slog.LevelDebug:
		return "debug"
	case slog.LevelWarn:
		return "warn"
	case slog.LevelError:
		return "error"
	}
	return "info"
}

// ChangeLogLevel changes it from now on.
func (n *Node) ChangeLogLevel(level string) error {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil || n.cfg.Level == nil {
		return control.Errorf(control.BadRequest, "%q is no log level: debug, info, warn, error", level)
	}
	n.cfg.Level.Set(l)
	return nil
}

// Lookup asks the network for a record.
func (n *Node) Lookup(ctx context.Context, kind string, hash i2p.Hash) (control.Record, error) {
	switch kind {
	case control.KindRouterInfo:
		res, err := n.router.Lookup(ctx, hash, i2np.LookupRouterInfo)
		if err != nil {
			return control.Record{}, explain(wrapf(err, "router %s", hash))
		}
		return routerRecord(res.RouterInfo), nil
	case control.KindLeaseSet:
		res, err := n.router.Lookup(ctx, hash, i2np.LookupLeaseSet)
		if err != nil {
			return control.Record{}, explain(wrapf(err, "lease set %s", hash))
		}
		return control.Record{
			Kind: kind, Hash: hash.String(), StoreType: res.LeaseSet.StoreType(), Data: res.LeaseSet.Bytes(),
		}, nil
	}
	return control.Record{}, control.Errorf(control.BadRequest, "%q is no kind of record: %s and %s are", kind, control.KindRouterInfo, control.KindLeaseSet)
}

// codeOf finds the control API's code for an error.
func codeOf(err error) (control.Code, bool) {
	var already *control.Error
	if errors.As(err, &already) {
		return already.Code, true
	}
	for _, c := range []struct {
		err  error
		code control.Code
	}{
		{netdb.ErrNotFound, control.NotFound},
		{netdb.ErrNoAnswer, control.Timeout},
		{netdb.ErrNoFloodfills, control.Unreachable},
		{netdb.ErrBusy, control.Busy},
		{router.ErrStopped, control.Stopping},
		{context.DeadlineExceeded, control.Timeout},
		{client.ErrEncryption, control.Unsupported},
		{client.ErrTakenBack, control.NotFound},
		{streaming.ErrReset, control.Reset},
		{streaming.ErrTimeout, control.Timeout},
	} {
		if errors.Is(err, c.err) {
			return c.code, true
		}
	}
	return "", false
}

func transitLimit(n int) int {
	if n == 0 {
		return -1
	}
	return n
}
