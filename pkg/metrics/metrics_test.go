package metrics

import (
	"bytes"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"i2ptoolkit/pkg/bob"
	"i2ptoolkit/pkg/config/reload"
	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/control/answers"
	"i2ptoolkit/pkg/control/server"
	"i2ptoolkit/pkg/destinations"
	"i2ptoolkit/pkg/door"
	"i2ptoolkit/pkg/forward"
	"i2ptoolkit/pkg/httpproxy"
	"i2ptoolkit/pkg/i2cpserver"
	"i2ptoolkit/pkg/i2pcontrol"
	"i2ptoolkit/pkg/naming"
	"i2ptoolkit/pkg/portmap"
	"i2ptoolkit/pkg/reseed/join"
	"i2ptoolkit/pkg/router"
	"i2ptoolkit/pkg/sam"
	"i2ptoolkit/pkg/tally"
	"i2ptoolkit/pkg/transport"
	"i2ptoolkit/pkg/transport/ntcp2link"
)

func sources() Sources {
	return Sources{
		Lost: func() transport.Stats { return transport.Stats{Dropped: 5} },
		Drivers: func() []transport.DriverStats {
			d := ntcp2link.New(ntcp2link.Config{})
			return []transport.DriverStats{{Name: d.Name(), Stats: transport.Stats{Sessions: 3, Traffic: transport.Traffic{BytesIn: 1 << 40}}, Counters: d.Counters()}}
		},
		Destinations: func() destinations.Stats { return destinations.Stats{} },
		Router:       func() router.Numbers { return router.Numbers{Counts: router.Counts{TestsOK: 7}} },
		Portmap:      func() portmap.Stats { return portmap.Stats{} },
		Reseed:       func() join.Stats { return join.Stats{Last: time.UnixMilli(1500)} },
		Names:        func() naming.Stats { return naming.Stats{} },
		Control:      func() server.Stats { return server.Stats{} },
		Events:       func() answers.HubStats { return answers.HubStats{} },
		Log:          func() Lines { return Lines{Warn: 2} },
		Files:        func() Files { return Files{} },
		Reloads:      func() reload.Stats { return reload.Stats{} },
		Proxies:      func() httpproxy.Stats { return httpproxy.Stats{} },
		Forwards:     func() forward.Stats { return forward.Stats{} },
		SAM:          func() sam.Stats { return sam.Stats{} },
		Doors:        func() []*door.Door { return []*door.Door{door.New(door.Config{Name: "sam"})} },
		BOB:          func() bob.Stats { return bob.Stats{} },
		I2PControl:   func() i2pcontrol.Stats { return i2pcontrol.Stats{} },
		I2CP:         func() i2cpserver.Stats { return i2cpserver.Stats{} },
		Node:         func() Node { return Node{State: control.StateRunning} },
	}
}

// read are the structs of counts that Sources give, with those within them.
func read() map[reflect.Type]bool {
	out := make(map[reflect.Type]bool)
	var add func(reflect.Type)
	add = func(t reflect.Type) {
		if t.Kind() != reflect.Struct || out[t] {
			return
		}
		out[t] = true
		for i := range t.NumField() {
			add(t.Field(i).Type)
		}
	}
	s := reflect.TypeFor[Sources]()
	for i := range s.NumField() {
		add(s.Field(i).Type.Out(0))
	}
	return out
}

// TestNoStructIsForgotten: what counts anywhere in a router is told, or it is said here why not.
// That no field of what is told is forgotten is seen to by New.
func TestNoStructIsForgotten(t *testing.T) {
	told := make(map[string]bool)
	for typ := range read() {
		told[strings.TrimPrefix(typ.PkgPath(), "i2ptoolkit/pkg/")+"."+typ.Name()] = true
	}
	untold := map[string]string{
		"transport.PeerStats":           "one session's, whose sums are in transport.Stats",
		"transport.counters":            "what transport.Stats tells",
		"transport/ntcp2link.counts":    "what transport.DriverStats tell",
		"transport/ssu2link.deskCounts": "what transport.DriverStats tell",
		"transport/ssu2link.counts":     "what transport.DriverStats tell",
		"ssu2/session.Counts":           "one session's, which transport/ssu2link.counts sums",
		"ssu2.Counts":                   "what transport.DriverStats tell",
		"ssu2.PeerTestCounts":           "what transport.DriverStats tell",
		"ssu2.RelayCounts":              "what transport.DriverStats tell",
		"transport.DriverStats":         "whose sums are in transport.Stats",
		"simnet.Stats":                  "of simulations",
		"simnet/mesh.Stats":             "of simulations",
		"attack.counts":                 "of tests",
		"control.TunnelCounts":          "the control API's words for router.Numbers",
		"control.BuildCounts":           "the control API's words for router.Numbers",
		"control.TransitCounts":         "the control API's words for router.Numbers",
		"reseed/serve.counts":           "the reseed server has metrics of its own",
		"naming.counts":                 "what naming.Stats tells",
		"control/server.counts":         "what control/server.Stats tells",
		"sockets.PacketCounts":          "what sockets.PacketStats tells",
		"streaming.Stats":               "one stream's, whose Totals are summed",
		"httpproxy.counts":              "what httpproxy.Stats tells",
		"socks.counts":                  "what socks.Stats tells",
		"udpforward.counts":             "what udpforward.Stats tells",
		"forward.counts":                "what forward.Stats tells",
		"sam.counts":                    "what sam.Stats tells",
		"door.Stats":                    "one door's",
		"forward.totals":                "what forward.Stats tells",
		"httpserver.counts":             "what httpserver.Stats tells",
		"irc.counts":                    "what irc.Stats tells",
		"interop.Counters":              "of tests",
		"interop/wan.Counters":          "of tests",
	}
	kind := regexp.MustCompile(`(?i)(stats?|counts|counters|numbers|totals)$`)
	err := filepath.WalkDir("..", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		dir, _ := filepath.Rel("..", filepath.Dir(path))
		for _, d := range file.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.TYPE {
				continue
			}
			for _, spec := range g.Specs {
				s := spec.(*ast.TypeSpec)
				name := filepath.ToSlash(dir) + "." + s.Name.Name
				if _, isStruct := s.Type.(*ast.StructType); !isStruct || !kind.MatchString(s.Name.Name) || dir == "metrics" {
					continue
				}
				if !told[name] && untold[name] == "" {
					t.Errorf("%s counts, and no metric tells of it", name)
				}
				delete(untold, name)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for name := range untold {
		t.Errorf("there is no %s to be left out", name)
	}
}

// TestNoFieldIsForgotten: a table and a struct that do not agree are refused.
func TestNoFieldIsForgotten(t *testing.T) {
	type counts struct {
		A, B uint64
		In   struct{ C int }
	}
	for name, table := range map[string][]row{
		"nothing tells of metrics.counts's In.C":                                {{"a_total", "", "", "A"}, {"b_total", "", "", "B"}},
		"metrics: x: metrics.counts has no field X":                             {{"a_total", "", "", "A"}, {"b_total", "", "", "B"}, {"c", "", "", "In.C"}, {"x", "", "", "X"}},
		"metrics: x: metrics.counts has no field A that is not told of already": {{"a_total", "", "", "A"}, {"b_total", "", "", "B"}, {"c", "", "", "In.C"}, {"x", "", "", "A"}},
	} {
		func() {
			defer func() {
				if r := recover(); r == nil || !strings.Contains(fmt.Sprint(r), name) {
					t.Errorf("%v, expected %s", r, name)
				}
			}()
			newReader(table, func() counts { return counts{} })
		}()
	}
	newReader([]row{{"a_total", "", "way", "in=A out=B"}, {"c", "", "", "In.C"}}, func() counts { return counts{} })
}

// TestText: what an operator's Prometheus is given, as its own lint wants it.
func TestText(t *testing.T) {
	text := New(sources()).Text()
	for _, line := range []string{
		"# HELP i2p_transport_sessions Sessions with other routers.", "# TYPE i2p_transport_sessions gauge", `i2p_transport_sessions{transport="NTCP2"} 3`, `i2p_transport_dropped_messages_total{transport="none"} 5`,
		`i2p_transport_junk_total{transport="NTCP2"} 0`,
		"# TYPE i2p_transport_received_bytes_total counter", `i2p_transport_received_bytes_total{transport="NTCP2"} 1099511627776`,
		`i2p_tunnel_tests_total{result="ok"} 7`, `i2p_tunnel_tests_total{result="failed"} 0`,
		`i2p_tunnels{direction="in",kind="exploratory"} 0`,
		`i2p_state{state="running"} 1`, `i2p_state{state="starting"} 0`,
		`i2p_log_lines_total{level="warn"} 2`, "i2p_reseed_last_timestamp_seconds 1.500", "i2p_start_timestamp_seconds 0.000",
	} {
		if !slices.Contains(strings.Split(string(text), "\n"), line) {
			t.Errorf("there is no line %q", line)
		}
	}
	for _, name := range []string{"go_goroutines", "process_resident_memory_bytes", "process_start_time_seconds", "i2p_buffers_in_use", "i2p_build_info"} {
		if !bytes.Contains(text, []byte("\n"+name)) {
			t.Errorf("there is no %s", name)
		}
	}
	var own []byte // the process's are as the library has them
	for line := range bytes.Lines(text) {
		if bytes.HasPrefix(line, []byte("i2p_")) || bytes.HasPrefix(line, []byte("#")) {
			own = append(own, line...)
		}
	}
	problems, err := promlint.New(bytes.NewReader(own)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

// TestHistogram: buckets are cumulative, by seconds.
func TestHistogram(t *testing.T) {
	type counts struct{ Took tally.Durations }
	var c counts
	for _, d := range []time.Duration{time.Millisecond, time.Second, time.Hour} {
		c.Took.Observe(d)
	}
	r := &Registry{parts: []reader{newReader([]row{{"took_seconds", "How long it took.", "", "Took"}}, func() counts { return c })}}
	text := r.Text()
	for _, line := range []string{
		"# TYPE i2p_took_seconds histogram", `i2p_took_seconds_bucket{le="0.01"} 1`, `i2p_took_seconds_bucket{le="0.5"} 1`, `i2p_took_seconds_bucket{le="1"} 2`,
		`i2p_took_seconds_bucket{le="60"} 2`, `i2p_took_seconds_bucket{le="+Inf"} 3`, "i2p_took_seconds_sum 3601.001", "i2p_took_seconds_count 3",
	} {
		if !slices.Contains(strings.Split(string(text), "\n"), line) {
			t.Errorf("there is no line %q in\n%s", line, text)
		}
	}
}

// TestLines: what is logged is counted by its level, with attributes and without, and what is
// below the level is not.
func TestLines(t *testing.T) {
	var c LineCounter
	var out bytes.Buffer
	l := c.Logger(slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelInfo})))
	l.Debug("no")
	l.Info("a")
	l.With("k", 1).Warn("b")
	l.WithGroup("g").Error("c")
	l.Log(t.Context(), slog.LevelError+4, "d")
	if got, want := c.Lines(), (Lines{Info: 1, Warn: 1, Error: 2}); got != want || strings.Count(out.String(), "\n") != 4 {
		t.Errorf("%+v of\n%s", got, out.String())
	}
}

var update = flag.Bool("update-man", false, "write docs/metrics.md anew")

// TestPage: the documented list is the one that there is. scripts/man writes it.
func TestPage(t *testing.T) {
	page := New(sources()).Page()
	path := filepath.Join("..", "..", "docs", "metrics.md")
	if *update {
		if err := os.WriteFile(path, page, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if have, err := os.ReadFile(path); err != nil || !bytes.Equal(have, page) {
		t.Errorf("%s is not current (%v): run scripts/man", path, err)
	}
}
