package forward

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"i2ptoolkit/pkg/destinations"
	"i2ptoolkit/pkg/forward/plan"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/naming"
	"i2ptoolkit/pkg/options"
	"i2ptoolkit/pkg/sign"
)

func peer(n byte) i2p.Hash { return i2p.HashOf([]byte{n}) }

// TestInPlace: what is looked at for each stream changes under the streams that live, and nothing else
// does.
func TestInPlace(t *testing.T) {
	server := plan.Plan{Name: "a", Type: plan.Server, Targets: []string{"127.0.0.1:1"}}
	client := plan.Plan{Name: "a", Type: plan.Client, Listen: "127.0.0.1:1", Destinations: []string{"a.i2p"}}
	proxy := plan.Plan{Name: "a", Type: plan.HTTP, Listen: "127.0.0.1:1"}
	datagrams := plan.Plan{Name: "a", Type: plan.UDPClient, Listen: "127.0.0.1:1", Destinations: []string{"a.i2p"}}
	for what, tt := range map[string]struct {
		was     plan.Plan
		change  func(*plan.Plan)
		inPlace bool
	}{
		"targets":          {server, func(p *plan.Plan) { p.Targets = []string{"127.0.0.1:2"} }, true},
		"access":           {server, func(p *plan.Plan) { p.Access.Deny = []string{peer(1).B32()} }, true},
		"rules":            {server, func(p *plan.Plan) { p.Access.Filter = "/rules" }, false},
		"port":             {server, func(p *plan.Plan) { p.Port = 1 }, false},
		"key":              {server, func(p *plan.Plan) { p.Key = "b" }, false},
		"options":          {client, func(p *plan.Plan) { p.Options = map[string]string{"inbound.quantity": "2"} }, true},
		"limits":           {client, func(p *plan.Plan) { p.Limits.Streams = 1 }, true},
		"destinations":     {client, func(p *plan.Plan) { p.Destinations = []string{"b.i2p"} }, true},
		"listen":           {client, func(p *plan.Plan) { p.Listen = "127.0.0.1:2" }, false},
		"limits of a door": {proxy, func(p *plan.Plan) { p.Limits.Streams = 1 }, false},
		"another":          {datagrams, func(p *plan.Plan) { p.Destinations = []string{"b.i2p"} }, false},
	} {
		p := tt.was
		tt.change(&p)
		if got := inPlace(tt.was, p); got != tt.inPlace {
			t.Errorf("%s: in place %v", what, got)
		}
	}
}

// serverOf is a server with an access list.
func serverOf(a plan.Access) *forward {
	m := New(Config{
		Log:    slog.New(slog.DiscardHandler),
		Lookup: func(string) (i2p.Destination, error) { return i2p.Destination{}, naming.ErrUnknown },
	})
	return newForward(m, plan.Plan{Name: "a", Type: plan.Server, Access: a}, false)
}

// TestAccess: lists and rules both have to let a peer in, and a file that is wrong is no open door.
func TestAccess(t *testing.T) {
	var peers [3]i2p.Destination
	for n := range peers {
		keys, err := i2p.GenerateDestination(sign.EdDSA_SHA512_Ed25519, i2p.CryptoElGamal, nil)
		if err != nil {
			t.Fatal(err)
		}
		peers[n] = keys.Destination()
	}
	peer := func(n int) i2p.Hash { return peers[n-1].Hash() }
	path := filepath.Join(t.TempDir(), "rules")
	if err := os.WriteFile(path, []byte("deny explicit "+peer(1).B32()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for what, tt := range map[string]struct {
		access  plan.Access
		allowed string
	}{
		"everybody": {plan.Access{}, "1 2 3"},
		"some":      {plan.Access{Allow: []string{peer(1).B32(), "unknown.i2p", peer(2).String()}}, "1 2"},
		"not all":   {plan.Access{Deny: []string{peer(3).B32(), "unknown.i2p"}}, "1 2"},
		"both":      {plan.Access{Allow: []string{peer(1).B32(), peer(2).B32()}, Deny: []string{peer(2).B32()}}, "1"},
		"rules":     {plan.Access{Filter: path}, "2 3"},
		"all":       {plan.Access{Filter: path, Deny: []string{peer(3).B32()}}, "2"},
	} {
		f := serverOf(tt.access)
		rules, err := f.rules()
		if err != nil {
			t.Fatal(err)
		}
		f.filter.Store(rules)
		var allowed []string
		for n, d := range peers {
			if leave, ok := f.admit(d); ok {
				allowed = append(allowed, string(rune('1'+n)))
				leave()
			}
		}
		if got := strings.Join(allowed, " "); got != tt.allowed {
			t.Errorf("%s: %s, not %s", what, got, tt.allowed)
		}
	}
	if err := os.WriteFile(path, []byte("allow all\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := serverOf(plan.Access{Filter: path}).rules(); err == nil || !strings.Contains(err.Error(), "line 1") {
		t.Errorf("rules that make no sense: %v", err)
	}
	if _, err := serverOf(plan.Access{Filter: path + "x"}).rules(); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("rules that are not there: %v", err)
	}
}

// TestGate: streams are counted at a time and by the minute, in all and for each peer, and whoever left
// makes room.
func TestGate(t *testing.T) {
	now := time.Unix(1e9, 0)
	var g gate
	enter := func(l plan.Limits, n byte, ok bool) (leave func()) {
		t.Helper()
		leave, got := g.enter(now, l, peer(n))
		if got != ok {
			t.Fatalf("peer %d with %+v: %v", n, l, got)
		}
		return leave
	}
	two := plan.Limits{Streams: 3, PeerStreams: 2}
	first := enter(two, 1, true)
	enter(two, 1, true)
	enter(two, 1, false)
	enter(two, 2, true)
	enter(two, 3, false)
	first()
	enter(two, 3, true)

	g = gate{}
	minute := plan.Limits{PerMinute: 3, PeerPerMinute: 2}
	for range 2 {
		enter(minute, 1, true)()
	}
	enter(minute, 1, false)
	enter(minute, 2, true)()
	enter(minute, 3, false)
	now = now.Add(time.Minute)
	enter(minute, 4, true)()
	if g.peers.Len() != 1 {
		t.Errorf("%d peers are remembered", g.peers.Len())
	}

	g = gate{}
	longer := plan.Limits{PerDay: 4, PerHour: 3, PeerPerDay: 3, PeerPerHour: 2}
	for range 2 {
		enter(longer, 1, true)()
	}
	enter(longer, 1, false)
	enter(longer, 2, true)()
	enter(longer, 3, false)
	now = now.Add(time.Hour)
	enter(longer, 1, true)()
	enter(longer, 1, false)
	enter(longer, 2, false)
	now = now.Add(24 * time.Hour)
	enter(longer, 2, true)()
}

// TestDatagramAccess: lists and rules hold for datagrams as for streams, and for what only claims to be
// from a peer there is no list that would let it in.
func TestDatagramAccess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rules")
	if err := os.WriteFile(path, []byte("deny explicit "+peer(1).B32()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		access         plan.Access
		proven, claims string
	}{
		{plan.Access{}, "1 2", "1 2"},
		{plan.Access{Deny: []string{peer(2).B32()}}, "1", ""},
		{plan.Access{Filter: path}, "2", ""},
	} {
		f := serverOf(tt.access)
		rules, err := f.rules()
		if err != nil {
			t.Fatal(err)
		}
		f.filter.Store(rules)
		taken := func(proven bool) string {
			var all []string
			for n := byte(1); n <= 2; n++ {
				if f.takesFlow(peer(n), proven) {
					all = append(all, string('0'+rune(n)))
				}
			}
			return strings.Join(all, " ")
		}
		if proven, claims := taken(true), taken(false); proven != tt.proven || claims != tt.claims {
			t.Errorf("%+v: %q and %q", tt.access, proven, claims)
		}
	}
}

// deaf is a listener that cannot accept.
type deaf struct{ net.Listener }

var errDeaf = errors.New("it accepts nothing")

func (deaf) Accept() (net.Conn, error) { return nil, errDeaf }
func (deaf) Close() error              { return nil }
func (deaf) Addr() net.Addr            { return &net.TCPAddr{} }

// TestDeafListener: a forward whose listener fails says so, and waits for nothing that would go on.
func TestDeafListener(t *testing.T) {
	m := New(Config{
		Listen:   func(string, string) (net.Listener, error) { return deaf{}, nil },
		Defaults: options.Default,
		Open: func(ctx context.Context, _ destinations.Request) (*destinations.Local, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		},
	})
	f := newForward(m, plan.Plan{Name: "a", Type: plan.Client, Listen: "127.0.0.1:1", Destinations: []string{"a.i2p"}}, false)
	ended := make(chan error, 1)
	go func() { ended <- f.once(t.Context()) }()
	select {
	case err := <-ended:
		if !errors.Is(err, errDeaf) {
			t.Errorf("it ended with %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("it goes on")
	}
}

// TestUnknownNames: who is kept out by a name that no book has is told of, as nobody is kept out.
func TestUnknownNames(t *testing.T) {
	for what, tt := range map[string]struct {
		access plan.Access
		warns  bool
	}{
		"addresses": {plan.Access{Deny: []string{peer(1).B32()}}, false},
		"a name":    {plan.Access{Deny: []string{"unknown.i2p"}}, true},
	} {
		var log bytes.Buffer
		f := serverOf(tt.access)
		f.m.cfg.Log = slog.New(slog.NewTextHandler(&log, nil))
		f.tellUnknown()
		if strings.Contains(log.String(), "no address book") != tt.warns || strings.Contains(log.String(), "unknown.i2p") {
			t.Errorf("%s: %q", what, log.String())
		}
	}
}
