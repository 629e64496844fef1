package forward

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/forward/plan"
	"i2ptoolkit/pkg/leaseset"
	"i2ptoolkit/pkg/options"
)

// TestJoint: a destination that two forwards have is published once one of them is a server, and in
// clear only where none has asked for an encrypted lease set.
func TestJoint(t *testing.T) {
	client := func(o *options.Options) { o.Unpublished = true }
	encrypted := func(o *options.Options) { o.Blinding.Own = true }
	secret := func(o *options.Options) { o.Blinding.Own, o.Blinding.Secret = true, "s" }
	clients := func(o *options.Options) {
		o.Blinding.Own, o.Blinding.Admission, o.Blinding.Clients = true, leaseset.ByPSK, string(make([]byte, 32))
	}
	key := func(o *options.Options) { o.Blinding.Key = string(make([]byte, 32)) }
	type change = func(*options.Options)
	for what, tt := range map[string]struct {
		open, asked []change
		unpublished bool
		err         error
	}{
		"two clients":                  {[]change{client}, []change{client}, true, nil},
		"a server later":               {[]change{client}, nil, false, nil},
		"a client later":               {nil, []change{client}, false, nil},
		"two servers":                  {nil, nil, false, nil},
		"a client reads":               {nil, []change{client, key}, false, nil},
		"a client at an encrypted one": {[]change{encrypted}, []change{client}, false, nil},
		"encrypted later":              {nil, []change{encrypted}, false, errBlinded},
		"encrypted after a client":     {[]change{client}, []change{encrypted}, false, errBlinded},
		"encrypted by a client":        {nil, []change{client, encrypted}, false, errBlinded},
		"in clear later":               {[]change{encrypted}, nil, false, errBlinded},
		"another secret":               {[]change{encrypted}, []change{secret}, false, errBlinded},
		"fewer readers":                {[]change{encrypted}, []change{clients}, false, errBlinded},
		"the same":                     {[]change{clients}, []change{clients}, false, nil},
	} {
		open, asked := options.Default(), options.Default()
		for _, c := range tt.open {
			c(&open)
		}
		for _, c := range tt.asked {
			c(&asked)
		}
		both, err := joint(open, asked)
		if !errors.Is(err, tt.err) || err == nil && both.Unpublished != tt.unpublished || both.Blinding != open.Blinding {
			t.Errorf("%s: %+v, %v", what, both, err)
		}
	}
}

// TestHomesEnd: what forwards shared is forgotten with the last of them.
func TestHomesEnd(t *testing.T) {
	m := New(Config{})
	server := func(name string) plan.Plan { return plan.Plan{Name: name, Type: plan.Server, Key: "k"} }
	first, second := m.homes.of(server("a")), m.homes.of(server("b"))
	alone := m.homes.of(plan.Plan{Name: "c", Type: plan.Client})
	if first != second || !first.several() || alone.several() {
		t.Error("the key is not shared")
	}
	m.homes.leave(first, "a")
	m.homes.leave(alone, "c")
	if second.several() || m.homes.of(server("a")) != second {
		t.Error("the key is open twice")
	}
	m.homes.leave(second, "a")
	m.homes.leave(second, "b")
	if len(m.homes.groups) != 0 {
		t.Errorf("%d groups are left", len(m.homes.groups))
	}
}

// TestIdleStays: tunnels that stand only once their forward has let go of them do not make it ready.
func TestIdleStays(t *testing.T) {
	m := New(Config{})
	f := newForward(m, plan.Plan{Name: "a", Type: plan.Client}, false)
	r := &resident{f: f, ctx: t.Context(), home: f.home}
	r.hold(func() {})
	if r.say(control.ForwardOpening, nil); f.state().State != control.ForwardOpening {
		t.Errorf("it is %s", f.state().State)
	}
	r.release = nil
	f.is(control.ForwardIdle, nil)
	if r.say(control.ForwardReady, nil); f.state().State != control.ForwardIdle {
		t.Errorf("it is %s", f.state().State)
	}
}

// TestTogether: what one forward of a group asks for holds for all, and no longer than it is there.
func TestTogether(t *testing.T) {
	m := New(Config{Defaults: options.Default})
	client := func(name string, asked map[string]string) plan.Plan {
		return plan.Plan{Name: name, Type: plan.Client, Share: "s", Options: asked}
	}
	a, b := client("a", map[string]string{"inbound.length": "1"}), client("b", map[string]string{"outbound.length": "2"})
	h := m.homes.of(a)
	m.homes.of(b)
	for _, p := range []plan.Plan{a, b} {
		if got, err := h.asked(p); err != nil || got.Inbound.Length != 1 || got.Outbound.Length != 2 {
			t.Errorf("%s: %+v, %v", p.Name, got, err)
		}
	}
	m.homes.leave(h, "a")
	if got, err := h.asked(b); err != nil || got.Inbound.Length == 1 {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestConflict: plans that are to be one destination and ask for different things are refused, whoever of them
// comes first, with both names and the option; and those that agree anew are not.
func TestConflict(t *testing.T) {
	client := func(name, length string) plan.Plan {
		return plan.Plan{Name: name, Type: plan.Client, Listen: "unix:/x/" + name, Destinations: []string{"a.i2p"}, Share: "s", Stopped: true, Options: map[string]string{"inbound.length": length}}
	}
	m := New(Config{Defaults: options.Default})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); m.Run(ctx) }()
	defer func() { cancel(); <-ended }()
	apply := func(asked control.ApplyForwards) control.AppliedForwards {
		t.Helper()
		for {
			done, err := m.Apply(ctx, asked)
			if err == nil {
				return done
			}
			if !errors.Is(err, ErrStarting) {
				t.Fatal(err)
			}
			time.Sleep(time.Millisecond)
		}
	}
	const why = "it shares its destination with a, which asks for inbound.length=1, and not for 2"
	done := apply(control.ApplyForwards{Plans: []plan.Plan{client("a", "1"), client("b", "2"), client("c", "1")}})
	if len(done.Added) != 2 || done.Failed["b"] != why {
		t.Errorf("%+v", done)
	}
	if done = apply(control.ApplyForwards{Plans: []plan.Plan{client("b", "2")}, Add: true}); done.Failed["b"] != why {
		t.Errorf("%+v", done)
	}
	if done = apply(control.ApplyForwards{Plans: []plan.Plan{client("a", "2"), client("b", "2"), client("c", "2")}}); len(done.Failed) > 0 || len(done.Changed) != 2 {
		t.Errorf("%+v", done)
	}
}

// stored has plans that nobody has checked against each other.
type stored []plan.Plan

func (s stored) Load() ([]plan.Plan, error)         { return s, nil }
func (s stored) Change([]plan.Plan, []string) error { return nil }

// TestConflictAtStart: of plans in a file that cannot be one destination, the first is.
func TestConflictAtStart(t *testing.T) {
	var all stored
	for _, n := range []string{"1", "2"} {
		all = append(all, plan.Plan{Name: "n" + n, Type: plan.Client, Listen: "unix:/x", Destinations: []string{"a.i2p"}, Share: "s", Stopped: n == "1", Options: map[string]string{"inbound.length": n}})
	}
	m := New(Config{Store: all, Defaults: options.Default})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); m.Run(ctx) }()
	defer func() { cancel(); <-ended }()
	for limit := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		if list := m.List(); len(list) == 2 && strings.Contains(list[1].Error, "shares its destination with n1") && list[0].State == control.ForwardStopped {
			return
		}
		if time.Now().After(limit) {
			t.Fatalf("%+v", m.List())
		}
	}
}
