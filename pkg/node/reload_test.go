package node

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"i2ptoolkit/pkg/config"
	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/routerinfo"
)

// reloads is a node whose settings a test changes.
type reloads struct {
	*Node
	t    *testing.T
	next config.Config
	err  error // of reading them
	log  logBuffer
}

func startReloads(t *testing.T, s config.Config) *reloads {
	t.Helper()
	r := &reloads{t: t, next: s}
	var level slog.LevelVar
	level.Set(slog.LevelWarn)
	r.Node, _ = start(t, Config{
		Settings: s, Level: &level, Log: r.log.logger(),
		Reread: func() (config.Config, error) { return r.next, r.err },
	})
	return r
}

// to reloads changed settings, which must be told to hold as expected: "log_level=now host=next_start".
func (r *reloads) to(want string, change func(*config.Config)) {
	r.t.Helper()
	change(&r.next)
	done, err := r.Reload(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	var got []string
	for _, c := range done.Changed {
		got = append(got, c.Key+"="+string(c.Holds))
	}
	if strings.Join(got, " ") != want {
		r.t.Errorf("a reload says %q, expected %q", strings.Join(got, " "), want)
	}
}

// refused reloads settings that must change nothing.
func (r *reloads) refused(code control.Code, why string, change func(*config.Config)) {
	r.t.Helper()
	good, before, level := r.next, r.settings.Current(), r.LogLevel()
	defer func() { r.next, r.err = good, nil }()
	r.next.LogLevel, r.next.Floodfill = "error", !r.next.Floodfill
	change(&r.next)
	var e *control.Error
	if _, err := r.Reload(r.t.Context()); !errors.As(err, &e) || e.Code != code || !strings.Contains(e.Message, why) {
		r.t.Errorf("%s: %v", why, err)
	}
	if changed := before.Changed(r.settings.Current()); len(changed) > 0 || r.LogLevel() != level {
		r.t.Errorf("after refused settings %v differ, and the log level is %s", changed, r.LogLevel())
	}
}

// TestReload: what can hold at once does, what cannot is named until the next start, and settings
// that cannot be read, or make no sense, change nothing.
func TestReload(t *testing.T) {
	r := startReloads(t, settings(t.TempDir()))
	r.to("", func(*config.Config) {})
	r.to("log_level=now transit.max_tunnels=now", func(s *config.Config) { s.LogLevel, s.Transit.MaxTunnels = "debug", 0 })
	if r.LogLevel() != "debug" || r.cfg.Level.Level() != slog.LevelDebug || r.Status().LogLevel != "debug" {
		t.Errorf("the log level is %s", r.LogLevel())
	}
	if strings.Contains(r.log.String(), "next start") {
		t.Errorf("what takes effect is said not to: %s", r.log.String())
	}
	r.to("port=next_start client.in_length=new_destinations", func(s *config.Config) { s.Port, s.Client.InLength = 7777, 1 })
	if !strings.Contains(r.log.String(), `level=WARN msg="some settings take effect with the next start only" keys=port`) ||
		!strings.Contains(r.log.String(), `msg="settings read again" changed=client.in_length`) {
		t.Errorf("what does not take effect is not named: %s", r.log.String())
	}
	r.to("port=next_start", func(*config.Config) {}) // still
	r.to("netid=next_start port=next_start reseed.threshold=now", func(s *config.Config) { s.NetID, s.Reseed.Threshold = 98, 33 })
	if p := r.joiner.Policy(); p.Client.NetID != testNetID || p.Threshold != 33 {
		t.Errorf("reseeding is for network %d, with a threshold of %d", p.Client.NetID, p.Threshold)
	}
	r.to("port=next_start", func(s *config.Config) { s.NetID = testNetID })
	r.to("", func(s *config.Config) { s.Port = 0 }) // back to what holds

	r.refused(control.BadData, "line 3: no such key", func(*config.Config) { r.err = errors.New("line 3: no such key") })
	r.refused(control.BadData, "log_level", func(s *config.Config) { s.LogLevel = "loud" })
	r.refused(control.BadData, "hidden", func(s *config.Config) { s.Hidden, s.Floodfill = true, true })
	r.refused(control.Internal, "reseed.certs", func(s *config.Config) { s.Reseed.Certs = []string{filepath.Join(t.TempDir(), "none")} })
	families := r.Metrics()
	for _, line := range []string{`i2p_config_reloads_total{result="done"} 7`, `i2p_config_reloads_total{result="refused"} 4`, "i2p_config_last_reload_successful 0"} {
		if !slices.Contains(strings.Split(string(families), "\n"), line) {
			t.Errorf("the metrics have no %s", line)
		}
	}
}

// TestReloadPublishes: what our RouterInfo says follows the settings at once.
func TestReloadPublishes(t *testing.T) {
	s := settings(t.TempDir())
	s.Bandwidth.In, s.Bandwidth.Out, s.Bandwidth.Share = 100, 100, 100
	r := startReloads(t, s)
	check := func(caps string, hosts ...string) {
		t.Helper()
		got := map[string][]string{}
		for _, a := range r.announcer.presence.Current().Addresses() {
			if ap := a.AddrPort(); ap.IsValid() {
				got[a.Style] = append(got[a.Style], ap.Addr().String())
			}
		}
		for _, style := range []string{routerinfo.StyleNTCP2, routerinfo.StyleSSU2} {
			if c := r.announcer.presence.Current().Caps().Text; c != caps || !slices.Equal(got[style], hosts) {
				t.Errorf("published are %s at %s %v, expected %s at %v", c, style, got[style], caps, hosts)
			}
		}
		if c := r.Status().Caps; c != caps {
			t.Errorf("the status says %s", c)
		}
	}
	check("NR", "127.0.0.1")
	r.to("floodfill=now bandwidth.share=now", func(s *config.Config) { s.Floodfill, s.Bandwidth.Share = true, 40 })
	check("LfR", "127.0.0.1")
	r.to("ntcp2.max_sessions=now", func(s *config.Config) { s.NTCP2.MaxSessions = 7 })
	r.to("host=now", func(s *config.Config) { s.Hosts = []string{"127.0.0.9", "127.0.0.1"} })
	check("LfR", "127.0.0.9", "127.0.0.1")
	if got := r.announcer.hosts.source(netip.MustParseAddr("127.0.0.5")); got.String() != "127.0.0.9" {
		t.Errorf("we dial from %v", got)
	}
	r.to("bandwidth.in=now bandwidth.out=now", func(s *config.Config) { s.Bandwidth.In, s.Bandwidth.Out = 20, 0 })
	check("KfR", "127.0.0.9", "127.0.0.1")
	r.to("bandwidth.in=now bandwidth.out=now", func(s *config.Config) { s.Bandwidth.In, s.Bandwidth.Out = 100, 100 })
	r.to("floodfill=now hidden=now", func(s *config.Config) { s.Floodfill, s.Hidden = false, true })
	check("LHU")
	r.to("hidden=now transit.max_tunnels=now", func(s *config.Config) { s.Hidden, s.Transit.MaxTunnels = false, 0 })
	check("LRG", "127.0.0.9", "127.0.0.1")
	if st := r.Status(); st.Floodfill || st.Hidden || len(st.Addresses) != 4 {
		t.Errorf("%+v", st)
	}
}

// TestReloadHostsToBind: other addresses are published at once only where they need no other
// socket.
func TestReloadHostsToBind(t *testing.T) {
	s := settings("")
	s.NTCP2.Listen = nil // what is bound follows from the addresses
	r := startReloads(t, s)
	r.to("host=next_start", func(s *config.Config) { s.Hosts = []string{"127.0.0.2"} })
	if got := r.Status().Addresses; len(got) != 2 || !strings.HasPrefix(got[0], "NTCP2 127.0.0.1:") || !strings.HasPrefix(got[1], "SSU2 127.0.0.1:") {
		t.Errorf("%v are published", got)
	}
}

// TestReloadParts: reseeding, the bootstrap, our tunnels and those of destinations follow.
func TestReloadParts(t *testing.T) {
	bundle, cert := bundleOf(t, time.Now(), strangers(t, 5)...)
	from := reseedFrom(t, bundle, cert)
	s := settings("")
	s.Exploratory = config.Tunnels{InLength: 1, OutLength: 1, InQuantity: 1, OutQuantity: 1}
	r := startReloads(t, s)
	others := []*Node{r.Node}
	for range 2 {
		n, _ := start(t, Config{Settings: settings("")})
		others = append(others, n)
	}
	for _, n := range others {
		ri, err := n.Info(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, to := range others {
			to.Learn([]*routerinfo.RouterInfo{ri})
		}
	}
	own := func(in, out int) func() bool {
		return func() bool { t := r.Status().Tunnels; return t.ExploratoryIn >= in && t.ExploratoryOut >= out }
	}
	await(t, "tunnels", own(1, 1))
	if own(4, 4)() {
		t.Fatalf("%+v", r.Status().Tunnels)
	}
	r.to("exploratory.in_quantity=now exploratory.out_quantity=now", func(s *config.Config) {
		s.Exploratory.InQuantity, s.Exploratory.OutQuantity = 5, 4
	})
	await(t, "more tunnels", own(5, 4))

	r.to("bootstrap=now", func(s *config.Config) {
		s.Bootstrap = []string{writeTemp(t, "router.info", stranger(t, 7, testNetID, time.Now()).Bytes())}
	})
	awaitKnown(t, r.Node, 3)
	r.to("reseed.urls=now reseed.threshold=now reseed.certs=now reseed.roots=now", func(s *config.Config) { s.Reseed = from; s.Reseed.Threshold = 5 })
	awaitKnown(t, r.Node, 8)
	await(t, "the search's end", func() bool { return r.Status().Reseed.Learned == 5 })
	r.to("reseed.enabled=now", func(s *config.Config) { s.Reseed.Enabled = false })
	if st := r.Status().Reseed; st.State != control.ReseedOff || st.Learned != 5 {
		t.Errorf("%+v", st)
	}
}

// TestReloadIsWhole: what holds after a reload is done, though whoever asked has gone away.
func TestReloadIsWhole(t *testing.T) {
	r := startReloads(t, settings(""))
	file := writeTemp(t, "router.info", stranger(t, 7, testNetID, time.Now()).Bytes())
	r.next.Bootstrap = []string{filepath.Dir(file)}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if done, err := r.Reload(gone); err != nil || len(done.Keys(control.HoldsNow)) != 1 {
		t.Fatalf("%+v, %v", done, err)
	}
	awaitKnown(t, r.Node, 1)
}

// TestReloadTable: what the configuration says of a reload is what this package does.
func TestReloadTable(t *testing.T) {
	n, err := New(Config{Settings: settings("")})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range config.Settings() {
		parts := 0
		for _, sec := range n.parts(reseedPolicies{}) {
			if sec.Covers(s.Key) {
				parts++
			}
		}
		want := 0
		if s.Reload == config.AtOnce || s.Reload == config.IfBound {
			want = 1
		}
		if parts != want {
			t.Errorf("%s holds %s, and %d parts have it so", s.Key, s.Reload, parts)
		}
	}
}

// TestFixedLogLevel: where nobody has said how the level changes it does not.
func TestFixedLogLevel(t *testing.T) {
	l := newLogbook(nil, nil, "warn")
	for _, level := range []string{"info", "loud"} {
		var e *control.Error
		if err := l.ChangeLogLevel(level); !errors.As(err, &e) || e.Code != control.BadRequest || l.LogLevel() != "warn" {
			t.Errorf("%v, and the level is %s", err, l.LogLevel())
		}
	}
}

// TestRenewedTogether: of the RouterInfos that several parts of a router have made at once, the newest is used, and
// is in the file.
func TestRenewedTogether(t *testing.T) {
	var seconds atomic.Int64
	dir, began := t.TempDir(), time.Now()
	n, _ := start(t, Config{Settings: settings(dir), Now: func() time.Time {
		return began.Add(time.Duration(seconds.Add(1)) * time.Second / 100)
	}})
	for range 10 {
		made := make(chan *routerinfo.RouterInfo, 8)
		var all sync.WaitGroup
		for range cap(made) {
			all.Go(func() { made <- n.announcer.renew() })
		}
		all.Wait()
		close(made)
		n.announcer.turn.Lock() // the router makes some by itself
		now := n.announcer.presence.Current()
		b, err := os.ReadFile(filepath.Join(dir, routerInfoFile))
		n.announcer.turn.Unlock()
		if err != nil || !bytes.Equal(b, now.Bytes()) {
			t.Fatalf("another one is in the file, %v", err)
		}
		for ri := range made {
			if ri.Published() > now.Published() {
				t.Fatalf("there is one of %v, and that of %v is used", ri.Published().Time(), now.Published().Time())
			}
		}
	}
}
