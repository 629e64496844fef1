package i2cpserver

import (
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"i2ptoolkit/pkg/client"
	"i2ptoolkit/pkg/destinations"
	"i2ptoolkit/pkg/i2cp"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
	"i2ptoolkit/pkg/noise"
)

// TestRefusals: what is not taken, and what ends a connection.
func TestRefusals(t *testing.T) {
	inBubble(t, func(t *testing.T, h *hall) {
		if why := h.connect('G').ended(); why != errProtocol.Error() {
			t.Errorf("HTTP: %q", why)
		}
		p := h.connect()
		p.conn.Write([]byte{0, 0, 0, 1, byte(i2cp.TypeDestroySession), 1})
		if why := p.ended(); why == "" {
			t.Error("half a message is taken")
		}
		p = h.connect()
		p.conn.Write([]byte{0, 1, 0x20, 0, byte(i2cp.TypeDestroySession)})
		if why := p.ended(); why == "" {
			t.Error("a long message is taken")
		}
		p = h.connect()
		p.say(i2cp.SetDate{})
		if why := p.ended(); why == "" {
			t.Error("what routers say is taken")
		}

		p = h.connect()
		for name, c := range map[string]func(*i2cp.SessionConfig){
			"another key": func(c *i2cp.SessionConfig) { c.Destination = newKeys(t, 5).Destination() },
			"too old":     func(c *i2cp.SessionConfig) { c.Created -= 31000; c.Sign(p.keys.Signing) },
		} {
			config := p.config(nil)
			c(&config)
			p.say(i2cp.CreateSession{Config: config})
			if s := hears[i2cp.SessionStatus](p); s.State != i2cp.SessionInvalid {
				t.Errorf("%s: %+v", name, s)
			}
		}
		h.full = destinations.ErrInUse
		p.say(i2cp.CreateSession{Config: p.config(nil)})
		if s := hears[i2cp.SessionStatus](p); s.State != i2cp.SessionRefused {
			t.Errorf("%+v", s)
		}
		h.full = nil
		id := p.session(nil)
		p.say(i2cp.ReconfigureSession{Session: id + 1, Config: p.config(nil)})
		if s := hears[i2cp.SessionStatus](p); s.State != i2cp.SessionInvalid {
			t.Errorf("%+v", s)
		}

		// A lease set that nobody asked for, and one with a key that does not fit.
		pair := noise.GenerateKey(nil)
		private := pair.Private()
		leases := []leaseset.Lease{{Expires: i2p.DateOf(time.Now().Add(time.Minute))}}
		good := i2cp.CreateLeaseSet2{Session: id, Set: p.made(leases, pair), Keys: []i2cp.PrivateKey{{Encryption: i2p.CryptoX25519, Key: private[:]}}}
		p.say(good)
		synctest.Wait()
		kept := make(chan client.Kept, 1)
		h.last().keeper.Keep(client.Wanted{Leases: leases}, func(k client.Kept) { kept <- k })
		hears[i2cp.RequestVariableLeaseSet](p)
		good.Keys = []i2cp.PrivateKey{{Encryption: i2p.CryptoX25519, Key: private[:31]}}
		p.say(good)
		if k := <-kept; !errors.Is(k.Err, errKeyLength) {
			t.Error(k.Err)
		}
		synctest.Wait() // it is counted after that
		s := h.Stats()
		if s.LeaseSetsBad != 2 || s.Refused.Protocol != 1 || s.Refused.Malformed != 3 || s.Refused.Session != 4 {
			t.Errorf("%+v", s)
		}
	})
}

// TestPassword: who is asked for one says it first.
func TestPassword(t *testing.T) {
	inBubble(t, func(t *testing.T, h *hall) {
		h.required.Store(true)
		says := func(password string) i2cp.Message {
			return i2cp.GetDate{Version: "0.9.67", Auth: i2p.Mapping{{Key: i2cp.KeyUsername, Value: "user"}, {Key: i2cp.KeyPassword, Value: password}}}
		}
		for name, tt := range map[string]struct {
			first i2cp.Message
			want  error
		}{
			"nothing":            {i2cp.GetBandwidthLimits{}, errUnauthorized},
			"no password":        {i2cp.GetDate{Version: "0.9.67"}, errUnauthorized},
			"an empty password":  {says(""), errUnauthorized},
			"the wrong password": {says("x"), errPassword},
		} {
			p := h.connect()
			p.say(tt.first)
			if why := p.ended(); why != tt.want.Error() {
				t.Errorf("%s: %q", name, why)
			}
		}
		p := h.connect()
		p.say(says("secret"))
		hears[i2cp.SetDate](p)
		p.session(nil)
	})
}

// TestPasswordLater: who connected when no password was needed, and has said nothing since, says one when it is.
func TestPasswordLater(t *testing.T) {
	inBubble(t, func(t *testing.T, h *hall) {
		p := h.connect()
		synctest.Wait()
		h.required.Store(true)
		p.say(i2cp.GetBandwidthLimits{})
		if why := p.ended(); why != errUnauthorized.Error() {
			t.Errorf("%q", why)
		}
	})
}

// FuzzServe: whatever a client says, the connection ends with it and holds nothing.
func FuzzServe(f *testing.F) {
	keys := newKeys(f, 1)
	p := &peer{t: f, keys: keys}
	create := i2cp.Append(nil, i2cp.CreateSession{Config: p.config(nil)})
	f.Add([]byte{i2cp.ProtocolByte})
	f.Add(append([]byte{i2cp.ProtocolByte}, create...))
	f.Add(append(i2cp.Append([]byte{i2cp.ProtocolByte}, i2cp.GetDate{Version: "0.9.67"}), i2cp.Append(nil, i2cp.HostLookup{Session: i2cp.NoSession, Host: "known.i2p", Kind: 1})...))
	f.Fuzz(func(t *testing.T, said []byte) {
		h := newHall(t)
		a, b := net.Pipe()
		end := &ends{Conn: b}
		go func() {
			a.Write(said)
			a.Close()
		}()
		h.Serve(t.Context(), end)
		b.Close()
		if n := end.held.Load(); n != 0 || h.Stats().Sessions != 0 {
			t.Fatalf("%d bytes are held, %d sessions are left", n, h.Stats().Sessions)
		}
	})
}
