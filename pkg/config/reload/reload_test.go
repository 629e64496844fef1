package reload

import (
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"i2ptoolkit/pkg/config"
	"i2ptoolkit/pkg/control"
)

// owner is who changes a router's settings, and the router's parts.
type owner struct {
	t        *testing.T
	settings *Settings
	asks     config.Config
	fault    error    // what "transit.*" finds wrong
	bound    bool     // "host" waits for the next start
	did      []string // by the parts
	now      time.Time
	*Reloader
}

func newOwner(t *testing.T, asked, holds config.Config) *owner {
	o := &owner{t: t, settings: NewSettings(asked, holds), asks: asked, now: time.Unix(1e9, 0)}
	o.Reloader = New(Config{
		Settings: o.settings, Read: func() (config.Config, error) { return o.asks, nil },
		Parts: []Part{
			{"host", func(_, to config.Config) (func(), error) {
				if o.bound {
					return nil, nil
				}
				return func() { o.did = append(o.did, "host") }, nil
			}},
			Always("bandwidth.*", func(to config.Config) {
				if o.settings.Current().Bandwidth != to.Bandwidth {
					t.Error("what is applied does not hold yet")
				}
				o.did = append(o.did, "bandwidth")
			}),
			{"transit.* exploratory.*", func(from, to config.Config) (func(), error) {
				if from.Port != to.Port || from.NetID != to.NetID {
					t.Errorf("a part sees what does not hold yet: %+v", to)
				}
				return func() { o.did = append(o.did, "tunnels") }, o.fault
			}},
		},
		Announced: "host bandwidth.*", Announce: func() { o.did = append(o.did, "announced") },
		Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return o.now },
	})
	return o
}

// to reloads changed settings, and tells what came of it: "port=next_start: host announced".
func (o *owner) to(change func(*config.Config)) string {
	o.t.Helper()
	change(&o.asks)
	o.did = nil
	done, err := o.Reload()
	if err != nil {
		o.t.Fatal(err)
	}
	var out []string
	for _, c := range done.Changed {
		out = append(out, c.Key+"="+string(c.Holds))
	}
	return strings.TrimSpace(strings.Join(out, " ") + ": " + strings.Join(o.did, " "))
}

func (o *owner) check(want string, change func(*config.Config)) {
	o.t.Helper()
	if got := o.to(change); got != want {
		o.t.Errorf("a reload says %q, expected %q", got, want)
	}
}

// Each part that is concerned applies its own difference, and no other does.
func TestParts(t *testing.T) {
	asked := config.Default()
	asked.Testnet = true
	holds := asked
	holds.Port = 1234 // drawn
	o := newOwner(t, asked, holds)
	o.check(":", func(*config.Config) {})
	o.check("bandwidth.in=now: bandwidth announced", func(c *config.Config) { c.Bandwidth.In = 9 })
	o.check("transit.max_tunnels=now exploratory.in_length=now: tunnels", func(c *config.Config) {
		c.Transit.MaxTunnels, c.Exploratory.InLength = 1, 1
	})
	o.check("netid=next_start client.in_length=new_destinations:", func(c *config.Config) { c.NetID, c.Client.InLength = 7, 1 })
	o.check("netid=next_start port=next_start exploratory.in_length=now: tunnels", func(c *config.Config) {
		c.Port, c.Exploratory.InLength = 4321, 2
	})
	o.check(":", func(c *config.Config) { c.NetID, c.Port = asked.NetID, 0 }) // what holds
	o.check("host=now: host announced", func(c *config.Config) { c.Hosts = []string{"127.0.0.1"} })
	o.bound = true
	o.check("host=next_start:", func(c *config.Config) { c.Hosts = []string{"127.0.0.2"} })
	if now := o.settings.Current(); now.Port != 1234 || now.NetID != asked.NetID || now.Client.InLength != 1 || !slices.Equal(now.Hosts, []string{"127.0.0.1"}) {
		t.Errorf("there hold %+v", now)
	}
}

// Where one part finds a fault, no part applies anything.
func TestFault(t *testing.T) {
	o := newOwner(t, config.Default(), config.Default())
	refused := func(change func(*config.Config)) {
		t.Helper()
		o.did, o.now = nil, o.now.Add(time.Second)
		change(&o.asks)
		_, err := o.Reload()
		var e *control.Error
		if !errors.As(err, &e) || e.Code != control.BadData {
			t.Errorf("%v", err)
		}
		if now := o.settings.Current(); len(o.did) > 0 || len(now.Changed(config.Default())) > 0 {
			t.Errorf("after a fault %v was done, and there hold %+v", o.did, now)
		}
	}
	o.fault = errors.New("no such file")
	refused(func(c *config.Config) { c.Bandwidth.In, c.Transit.MaxTunnels = 5, 7 })
	refused(func(c *config.Config) { c.Bandwidth.Share = 101 })
	if s := o.Stats(); s != (Stats{Refused: 2, Last: o.now}) {
		t.Errorf("%+v", s)
	}
	o.fault = nil
	o.check("bandwidth.in=now transit.max_tunnels=now: bandwidth tunnels announced", func(c *config.Config) { c.Bandwidth.Share = 80 })
	if s := o.Stats(); s != (Stats{Done: 1, Refused: 2, Last: o.now, LastDone: true}) {
		t.Errorf("%+v", s)
	}
}

func TestNothingToRead(t *testing.T) {
	r := New(Config{Settings: NewSettings(config.Default(), config.Default()), Now: time.Now})
	var e *control.Error
	if _, err := r.Reload(); !errors.As(err, &e) || e.Code != control.BadRequest {
		t.Errorf("%v", err)
	}
}
