package i2cpserver

import (
	"testing"
	"testing/synctest"

	"i2ptoolkit/pkg/i2cp"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
)

// TestLookups: of every kind, in a session and without one.
func TestLookups(t *testing.T) {
	inBubble(t, func(t *testing.T, h *hall) {
		to, nobody := h.somebody(), newKeys(t, 7).Destination()
		p := h.connect()
		ask := func(m i2cp.HostLookup) i2cp.HostReply {
			t.Helper()
			m.Request++
			p.say(m)
			r := hears[i2cp.HostReply](p)
			if r.Request != m.Request || r.Session != m.Session {
				t.Errorf("%+v is answered by %+v", m, r)
			}
			return r
		}
		for _, id := range []i2cp.SessionID{i2cp.NoSession, 0} {
			if id != i2cp.NoSession {
				id = p.session(nil)
			}
			for _, x := range []struct {
				ask    i2cp.HostLookup
				result i2cp.LookupResult
			}{
				{i2cp.HostLookup{Kind: i2cp.LookupHash, Hash: to.Hash()}, i2cp.LookupFound},
				{i2cp.HostLookup{Kind: i2cp.LookupHash, Hash: nobody.Hash()}, i2cp.LookupFailed},
				{i2cp.HostLookup{Kind: i2cp.LookupHost, Host: "known.i2p"}, i2cp.LookupFound},
				{i2cp.HostLookup{Kind: i2cp.LookupHost, Host: to.B32()}, i2cp.LookupFound},
				{i2cp.HostLookup{Kind: i2cp.LookupHost, Host: "unknown.i2p"}, i2cp.LookupFailed},
				{i2cp.HostLookup{Kind: i2cp.LookupHost, Host: "no name"}, i2cp.LookupFailed},
				{i2cp.HostLookup{Kind: i2cp.LookupHashOptions, Hash: to.Hash()}, i2cp.LookupFound},
				{i2cp.HostLookup{Kind: i2cp.LookupHostOptions, Host: "known.i2p"}, i2cp.LookupFound},
				{i2cp.HostLookup{Kind: i2cp.LookupDestinationOptions, Destination: to}, i2cp.LookupFound},
				{i2cp.HostLookup{Kind: i2cp.LookupDestinationOptions, Destination: nobody}, i2cp.LookupNoLeaseSet},
				{i2cp.HostLookup{Kind: 5, Unknown: []byte("?")}, i2cp.LookupUnsupported},
			} {
				x.ask.Session = id
				r := ask(x.ask)
				found := x.result == i2cp.LookupFound
				if r.Result != x.result || found && !r.Destination.Equal(to.Identity) || (r.Options != nil) != (found && x.ask.Kind.WantsOptions()) {
					t.Errorf("%d, %q in session %d: %+v", x.ask.Kind, x.ask.Host, id, r)
				}
				if found && x.ask.Kind.WantsOptions() && r.Options.Get("_smtp._tcp") == "" {
					t.Errorf("options %v", r.Options)
				}
			}
			p.say(i2cp.DestLookup{Hash: to.Hash()})
			if r := hears[i2cp.DestReply](p); !r.Destination.Equal(to.Identity) {
				t.Errorf("%+v", r)
			}
			p.say(i2cp.DestLookup{Hash: nobody.Hash()})
			if r := hears[i2cp.DestReply](p); !r.Destination.IsZero() || r.Hash != nobody.Hash() {
				t.Errorf("%+v", r)
			}
		}
		if n := len(h.locals); n != 2 {
			t.Errorf("%d destinations were opened for lookups and one session", n)
		}
	})
}

// TestBlinding: what opens the lease set of a destination is told by its key, its name or itself.
func TestBlinding(t *testing.T) {
	inBubble(t, func(t *testing.T, h *hall) {
		to := h.somebody()
		p := h.connect()
		id := p.session(nil)
		name, err := to.Blinded().B33()
		if err != nil {
			t.Fatal(err)
		}
		key := [32]byte{1}
		for _, x := range []struct {
			say  i2cp.BlindingInfo
			hash i2p.Hash
		}{
			{i2cp.BlindingInfo{Kind: i2cp.EndpointKey, Signing: to.SigningKey(), HasSecret: true, Secret: "s"}, i2p.Hash{}},
			{i2cp.BlindingInfo{Kind: i2cp.EndpointHost, Host: name, PerClient: true, Key: key}, i2p.Hash{}},
			{i2cp.BlindingInfo{Kind: i2cp.EndpointHost, Host: "known.i2p"}, to.Hash()},
			{i2cp.BlindingInfo{Kind: i2cp.EndpointDestination, Destination: to, PerClient: true, Scheme: 1, Key: key, HasSecret: true, Secret: "s"}, to.Hash()},
		} {
			x.say.Session = id
			p.say(x.say)
			synctest.Wait()
			l := h.last()
			got := l.unlocked[len(l.unlocked)-1]
			want := leaseset.Reader{Address: to.Blinded(), Secret: x.say.Secret}
			if x.say.PerClient {
				want.Key = &key
			}
			if !got.by.Same(want) || got.hash != x.hash || got.by.Address.Secret != x.say.HasSecret || got.by.Address.PerClient != x.say.PerClient {
				t.Errorf("%+v: %+v", x.say, got)
			}
		}
		for _, m := range []i2cp.BlindingInfo{
			{Session: id, Kind: i2cp.EndpointHash, Hash: to.Hash()}, {Session: id, Kind: i2cp.EndpointHost, Host: "unknown.i2p"},
			{Session: id + 1, Kind: i2cp.EndpointDestination, Destination: to},
		} {
			p.say(m)
		}
		p.say(i2cp.GetBandwidthLimits{})
		hears[i2cp.BandwidthLimits](p)
		if n := h.Stats().Refused.Lookup; n != 3 || len(h.last().unlocked) != 4 {
			t.Errorf("%d were passed over", n)
		}
	})
}

// TestLookupAtEnd: a lookup that was under way when its client left opens nothing that nobody would close.
func TestLookupAtEnd(t *testing.T) {
	h := newHall(t)
	k := &connection{server: h.Server, ctx: t.Context()}
	k.close()
	if _, err := k.idler(); err == nil || len(h.locals) > 0 {
		t.Errorf("%d destinations were opened, %v", len(h.locals), err)
	}
}
