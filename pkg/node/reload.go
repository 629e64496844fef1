package node

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"i2ptoolkit/pkg/config"
	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/netdb"
	"i2ptoolkit/pkg/router"
)

// heldSettings are what the owner asked for, and what holds: the port that was
// drawn, and the values of the start where a change waits for the next one.
type heldSettings struct {
	reading sync.Mutex // one reload at a time
	asked   config.Config
	now     atomic.Pointer[config.Config]

	done, refused atomic.Uint64 // reloads
	last          atomic.Pointer[lastReload]
}

type lastReload struct {
	at   time.Time
	done bool
}

// settings are those that hold.
func (n *Node) settings() config.Config { return *n.set.now.Load() }

// section is some settings that one part of the router has made hold when they
// change. What can be wrong with them prepare finds before anything is changed;
// without a function to apply they wait for the next start.
type section struct {
	keys    string // "reseed.*" are all of a table
	prepare func(ctx context.Context, from, to config.Config) (apply func(), err error)
}

// sections are all settings that a reload can make hold at once.
func (n *Node) sections() []section {
	always := func(apply func(from, to config.Config)) func(context.Context, config.Config, config.Config) (func(), error) {
		return func(_ context.Context, from, to config.Config) (func(), error) {
			return func() { apply(from, to) }, nil
		}
	}
	return []section{
		{"log_level", n.reloadLogLevel},
		{"floodfill", always(func(_, to config.Config) { n.router.Knowledge().Serve(to.Floodfill) })},
		{"host", n.reloadHosts},
		{"hidden", always(func(_, _ config.Config) {})}, // what is published says it
		{"bandwidth.*", always(func(_, to config.Config) { n.transport.SetBandwidth(to.Bandwidth.In<<10, to.Bandwidth.Out<<10) })},
		{"bootstrap reseed.*", n.reloadReseed},
		{"ntcp2.max_sessions", always(func(_, to config.Config) { n.transport.SetSessions(to.NTCP2.MaxSessions) })},
		{"transit.*", always(func(_, to config.Config) {
			n.router.Limit(router.Limits{TransitTunnels: transitLimit(to.Transit.MaxTunnels)})
		})},
		{"exploratory.*", always(func(_, to config.Config) { n.router.Reshape(exploratory(to)) })},
	}
}

// published are the settings that our RouterInfo depends on.
const published = "floodfill hidden host bandwidth.* transit.*"

func covers(keys, key string) bool {
	table, _, _ := strings.Cut(key, ".")
	return slices.ContainsFunc(strings.Fields(keys), func(k string) bool { return k == key || k == table+".*" })
}

// Reload reads the settings again and makes those hold that differ. Where they
// make no sense nothing changes.
func (n *Node) Reload(ctx context.Context) (control.Reloaded, error) {
	n.set.reading.Lock()
	defer n.set.reading.Unlock()
	r, err := n.reload(ctx)
	if err != nil {
		n.set.refused.Add(1)
	} else {
		n.set.done.Add(1)
	}
	n.set.last.Store(&lastReload{n.cfg.Now(), err == nil})
	return r, err
}

func (n *Node) reload(ctx context.Context) (control.Reloaded, error) {
	if n.cfg.Reread == nil {
		return control.Reloaded{}, control.Errorf(control.BadRequest, "this router has no settings to read again")
	}
	to, err := n.cfg.Reread()
	if err == nil {
		err = to.Check()
	}
	if err != nil {
		return control.Reloaded{}, control.Errorf(control.BadData, "%v", err)
	}
	out := control.Reloaded{Changed: []control.Change{}}
	asked, now := n.set.asked, n.settings()
	changed := asked.Changed(to)
	for _, c := range changed { // no part is to see what does not hold yet
		if c.Reload == config.NextStart {
			c.Copy(&to, now)
		}
	}
	to.Port = now.Port // one that was drawn
	apply, holds, err := n.prepare(ctx, changed, now, to)
	if err != nil {
		return control.Reloaded{}, control.Errorf(control.BadData, "%v", err)
	}
	publish := false
	for _, c := range changed {
		h := holds[c.Key]
		switch {
		case h == "" && c.Reload == config.WhenOpen:
			h = control.HoldsWhenOpened
		case h == "":
			h = control.HoldsNextStart
		}
		if h != control.HoldsNextStart {
			c.Copy(&asked, to)
			c.Copy(&now, to)
			publish = publish || covers(published, c.Key)
		}
		out.Changed = append(out.Changed, control.Change{Key: c.Key, Holds: h})
	}
	n.set.asked = asked
	n.set.now.Store(&now)
	for _, f := range apply {
		f()
	}
	if publish {
		n.publishAnew()
	}
	n.tellReload(out)
	return out, nil
}

// prepare finds what is to be done for the settings that have changed, and which
// of them hold by that. Nothing has changed yet.
func (n *Node) prepare(ctx context.Context, changed []config.Setting, from, to config.Config) (apply []func(), holds map[string]control.Holds, err error) {
	holds = make(map[string]control.Holds)
	for _, s := range n.sections() {
		mine := slices.DeleteFunc(slices.Clone(changed), func(c config.Setting) bool { return !covers(s.keys, c.Key) })
		if len(mine) == 0 {
			continue
		}
		f, err := s.prepare(ctx, from, to)
		if err != nil {
			return nil, nil, err
		}
		if f == nil {
			continue
		}
		apply = append(apply, f)
		for _, c := range mine {
			holds[c.Key] = control.HoldsNow
		}
	}
	return apply, holds, nil
}

// tellReload has the log say what came of a reload.
func (n *Node) tellReload(r control.Reloaded) {
	n.log.Info("settings read again", "changed", strings.Join(r.Keys(control.HoldsNow, control.HoldsWhenOpened), " "))
	if later := r.Keys(control.HoldsNextStart); len(later) > 0 {
		n.log.Warn("some settings take effect with the next start only", "keys", strings.Join(later, " "))
	}
}

// publishAnew has a RouterInfo of the present moment published, once there is one.
func (n *Node) publishAnew() {
	if n.presence.Current() != nil {
		n.renewInfo()
		n.router.Republish()
	}
}

func (n *Node) reloadLogLevel(_ context.Context, _, to config.Config) (func(), error) {
	level, err := logLevel(to.LogLevel)
	if err != nil || n.cfg.Level == nil {
		return nil, err
	}
	return func() { n.cfg.Level.Set(level) }, nil
}

// reloadReseed changes how routers are found, and reads what is newly named.
func (n *Node) reloadReseed(ctx context.Context, from, to config.Config) (func(), error) {
	policy, err := n.reseedPolicy(to)
	return func() {
		for _, path := range to.Bootstrap {
			if !slices.Contains(from.Bootstrap, path) {
				n.keeper.loadFrom(ctx, n.router, path, netdb.FromReseed)
			}
		}
		n.joiner.Change(policy)
	}, err
}

// reloadHosts publishes other addresses, where that needs nothing else to be bound.
func (n *Node) reloadHosts(_ context.Context, from, to config.Config) (func(), error) {
	if !slices.Equal(from.ListenAddrs(), to.ListenAddrs()) {
		return nil, nil
	}
	return func() { n.hosts.ask(to.PublishedHosts()) }, nil
}

// exploratory are the shapes of the router's own tunnels.
func exploratory(s config.Config) (in, out router.Shape) {
	e := s.Exploratory
	return router.Shape{Hops: e.InLength, Quantity: e.InQuantity}, router.Shape{Hops: e.OutLength, Quantity: e.OutQuantity}
}

// transitLimit is what the router takes for none.
func transitLimit(n int) int {
	if n == 0 {
		return -1
	}
	return n
}

func logLevel(text string) (l slog.Level, err error) {
	if err := l.UnmarshalText([]byte(text)); err != nil {
		return l, control.Errorf(control.BadRequest, "%q is no log level: debug, info, warn, error", text)
	}
	return l, nil
}

// LogLevel is the present one.
func (n *Node) LogLevel() string {
	if n.cfg.Level == nil {
		return n.settings().LogLevel
	}
	return strings.ToLower(n.cfg.Level.Level().String())
}

// ChangeLogLevel changes it from now on.
func (n *Node) ChangeLogLevel(level string) error {
	l, err := logLevel(level)
	if err != nil {
		return err
	}
	if n.cfg.Level == nil {
		return control.Errorf(control.BadRequest, "the level of this router's log is fixed")
	}
	n.cfg.Level.Set(l)
	return nil
}
