package i2cpserver

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"i2ptoolkit/pkg/client"
	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/datagram"
	"i2ptoolkit/pkg/i2cp"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
	"i2ptoolkit/pkg/noise"
	"i2ptoolkit/pkg/options"
)

// TestConversation: from the first byte to the last, as a client of one destination has it.
func TestConversation(t *testing.T) {
	inBubble(t, func(t *testing.T, h *hall) {
		to := h.somebody()
		p := h.connect()
		p.say(i2cp.GetDate{Version: "0.9.67"})
		if d := hears[i2cp.SetDate](p); d.Date != i2p.DateOf(time.Now()) || d.Version != control.APILevel {
			t.Errorf("%+v", d)
		}
		id := p.session(map[string]string{"inbound.length": "1", "inbound.nickname": "n", "i2cp.messageReliability": "none"})
		l := h.last()
		if l.asked.Inbound.Length != 1 || l.asked.Nickname != "n" || !l.dest.Equal(p.keys.Identity) {
			t.Errorf("opened with %+v", l.asked)
		}

		// Its lease set, by which peers reach it.
		leases := []leaseset.Lease{{Gateway: i2p.Hash{1}, TunnelID: 2, Expires: i2p.DateOf(time.Now().Add(10 * time.Minute))}}
		kept := make(chan client.Kept, 1)
		l.keeper.Keep(client.Wanted{Leases: leases}, func(k client.Kept) { kept <- k })
		want := hears[i2cp.RequestVariableLeaseSet](p)
		if want.Session != id || len(want.Leases) != 1 || want.Leases[0] != leases[0] {
			t.Errorf("asked for %+v", want)
		}
		pair := noise.GenerateKey(nil)
		private := pair.Private()
		set := p.made(want.Leases, pair)
		p.say(i2cp.CreateLeaseSet2{Session: id, Set: set, Keys: []i2cp.PrivateKey{{Encryption: i2p.CryptoX25519, Key: private[:]}}})
		k := <-kept
		if k.Err != nil || string(k.Set.Bytes()) != string(set.Bytes()) || len(k.Keys) != 1 || k.Keys[0].Pair.Public != pair.Public {
			t.Errorf("kept %+v", k)
		}

		// What it sends, and what is sent to it.
		p.say(i2cp.SendMessage{Session: id, To: to, Payload: framed("hello")})
		soon := i2p.DateOf(time.Now().Add(time.Second))
		p.say(i2cp.SendMessageExpires{SendMessage: i2cp.SendMessage{Session: id, To: to, Payload: framed("again")}, Flags: i2cp.FlagNoLeaseSet | 0x83, Expires: soon})
		p.say(i2cp.GetBandwidthLimits{})
		if b := hears[i2cp.BandwidthLimits](p); b.In != 700 || b.ClientIn != 400 || b.Out != noLimit {
			t.Errorf("limits %+v", b)
		}
		if got := l.got(); len(got) != 2 || got[0] != "hello" || got[1] != "again" {
			t.Errorf("sent %q", got)
		}
		if want := (client.Hints{NoLeaseSet: true, Tags: options.Tags{Send: 6, Low: 35}, Expires: soon}); l.hinted != want {
			t.Errorf("hints %+v, want %+v", l.hinted, want)
		}
		l.handle(datagram.Header{}, framed("welcome"), i2p.Hash{})
		if m := hears[i2cp.MessagePayload](p); m.Session != id || string(m.Payload) != string(framed("welcome")) {
			t.Errorf("%+v", m)
		}

		// Other options.
		p.say(i2cp.ReconfigureSession{Session: id, Config: p.config(map[string]string{"inbound.quantity": "5"})})
		if s := hears[i2cp.SessionStatus](p); s != (i2cp.SessionStatus{Session: id, State: i2cp.SessionUpdated}) {
			t.Errorf("%+v", s)
		}
		if l.asked.Inbound.Length != 1 || l.asked.Inbound.Quantity != 5 {
			t.Errorf("reconfigured to %+v", l.asked)
		}

		// Not more and more of them, whatever they are.
		for i, want := range []i2cp.SessionState{i2cp.SessionUpdated, i2cp.SessionInvalid} {
			junk := map[string]string{}
			for n := range 80 {
				junk[fmt.Sprintf("%d.%d", i, n)] = strings.Repeat("x", 250)
				junk[fmt.Sprintf("%d.%d.%s", i, n, strings.Repeat("y", 200))] = strings.Repeat("x", 250)
			}
			p.say(i2cp.ReconfigureSession{Session: id, Config: p.config(junk)})
			if s := hears[i2cp.SessionStatus](p); s.State != want {
				t.Errorf("junk %d: %+v, expected %v", i, s, want)
			}
		}
		if l.asked.Inbound.Quantity != 5 {
			t.Errorf("refused options are asked for: %+v", l.asked)
		}

		// The end takes back what was asked for, too.
		l.keeper.Keep(client.Wanted{Leases: leases}, func(k client.Kept) { kept <- k })
		hears[i2cp.RequestVariableLeaseSet](p)
		p.say(i2cp.DestroySession{Session: id})
		if why := p.ended(); why != errLeft.Error() {
			t.Errorf("ended: %q", why)
		}
		if k := <-kept; k.Err == nil || !l.closed {
			t.Errorf("closed %v, %+v", l.closed, k)
		}
		l.keeper.Keep(client.Wanted{Leases: leases, Withdrawal: true}, func(k client.Kept) { kept <- k })
		if k := <-kept; k.Err == nil {
			t.Error("a client that has left signs")
		}
		if s := h.Stats(); s.Sessions != 0 || s.Created != 1 || s.LeaseSets != 1 || s.MessagesIn != 2 || s.Overflowed != 0 || s.Refused != (Refused{Session: 1}) {
			t.Errorf("%+v", s)
		}
	})
}
