package forward

import (
	"errors"
	"testing"

	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/forward/plan"
	"i2ptoolkit/pkg/i2p"
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
	server := plan.Plan{Name: "a", Type: plan.Server, Key: "k"}
	first, second := m.homes.of(server), m.homes.of(server)
	alone := m.homes.of(plan.Plan{Name: "b", Type: plan.Client})
	if first != second || !m.homes.several(first) || m.homes.several(alone) {
		t.Error("the key is not shared")
	}
	m.homes.leave(first)
	m.homes.leave(alone)
	if m.homes.several(second) || m.homes.of(server) != second {
		t.Error("the key is open twice")
	}
	m.homes.leave(second)
	m.homes.leave(second)
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

// TestGateSweeps: peers beyond those that are remembered do not have all of them looked at each time.
func TestGateSweeps(t *testing.T) {
	f := newForward(New(Config{}), plan.Plan{Name: "a", Type: plan.Server}, false)
	now, g := f.m.cfg.Now(), &f.gate
	g.swept = now
	g.peers = make(map[i2p.Hash]*visitor)
	for n := range maxPeers {
		g.peers[i2p.HashOf([]byte{byte(n), byte(n >> 8)})] = &visitor{}
	}
	if _, ok := g.enter(now, plan.Limits{}, i2p.HashOf(nil)); ok || len(g.peers) != maxPeers {
		t.Errorf("they were looked at, %d are left", len(g.peers))
	}
	if _, ok := g.enter(now.Add(1e9), plan.Limits{}, i2p.HashOf(nil)); !ok || len(g.peers) != 1 {
		t.Errorf("%d peers, and there is no room", len(g.peers))
	}
}
