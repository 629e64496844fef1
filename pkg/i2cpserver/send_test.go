package i2cpserver

import (
	"testing"
	"testing/synctest"
	"time"

	"i2ptoolkit/pkg/i2cp"
	"i2ptoolkit/pkg/i2p"
)

// TestStatuses: what becomes of messages is told to those who want to know.
func TestStatuses(t *testing.T) {
	inBubble(t, func(t *testing.T, h *hall) {
		to, nobody := h.somebody(), newKeys(t, 7).Destination()
		p := h.connect()
		id := p.session(nil)
		h.last().busy = 3
		expects := func(what string, m i2cp.Message, nonce uint32, states ...i2cp.MessageState) {
			t.Helper()
			p.say(m)
			for _, state := range states {
				if s := hears[i2cp.MessageStatus](p); s.State != state || s.Nonce != nonce {
					t.Errorf("%s: %+v", what, s)
				}
			}
		}
		send := func(to i2p.Destination, payload []byte, nonce uint32) i2cp.SendMessage {
			return i2cp.SendMessage{Session: id, To: to, Payload: payload, Nonce: nonce}
		}
		expects("no nonce, while the destination is busy", send(to, framed("x"), 0), 0)
		expects("to one who is there", send(to, framed("x"), 1), 1, i2cp.Accepted, i2cp.GuaranteedSuccess)
		expects("to nobody", send(nobody, framed("x"), 2), 2, i2cp.Accepted, i2cp.NoLeaseSet)
		expects("to itself", send(p.keys.Destination(), framed("x"), 3), 3, i2cp.LoopbackDenied)
		expects("not framed", send(to, []byte("x"), 4), 4, i2cp.BadMessage)
		expects("too long", send(to, framed(string(make([]byte, 61<<10))), 5), 5, i2cp.BadMessage)
		expects("too late", i2cp.SendMessageExpires{SendMessage: send(to, framed("x"), 6), Expires: i2p.DateOf(time.Now())}, 6, i2cp.MessageExpired)
		other := send(to, framed("x"), 7)
		other.Session++
		expects("of no session", other, 7, i2cp.BadSession)

		quiet := h.connect()
		quiet.keys = newKeys(t, 3)
		id = quiet.session(map[string]string{"i2cp.messageReliability": "None"})
		p = quiet
		expects("a session that hears of nothing", send(to, framed("x"), 0), 0)
		expects("but for what it asks for", send(to, framed("x"), 8), 8, i2cp.GuaranteedSuccess)
	})
}

// TestTold: a client that wants to know what becomes of its messages has the server hold a bounded part of them.
func TestTold(t *testing.T) {
	inBubble(t, func(t *testing.T, h *hall) {
		to := h.somebody()
		p := h.connect()
		id := p.session(nil)
		h.last().stuck = make(chan struct{})
		big := framed(string(make([]byte, 50<<10)))
		refused := 0
		for n := range uint32(60) {
			p.say(i2cp.SendMessage{Session: id, To: to, Payload: big, Nonce: n + 1})
			hears[i2cp.MessageStatus](p) // that it is accepted
			synctest.Wait()
			if most := int64(maxTold); p.end.held.Load() > most {
				t.Fatalf("%d bytes are held after %d messages", p.end.held.Load(), n+1)
			}
		}
		close(h.last().stuck)
		for range 60 {
			if hears[i2cp.MessageStatus](p).State == i2cp.OverflowFailure {
				refused++
			}
		}
		if refused == 0 {
			t.Error("none was too much")
		}
	})
}

// TestToldAtLast: what a client was told to be accepted is sent, though the client leaves before there is a way.
func TestToldAtLast(t *testing.T) {
	inBubble(t, func(t *testing.T, h *hall) {
		for _, leave := range []func(p *peer){
			func(p *peer) { p.conn.Close() },
			func(p *peer) { p.say(i2cp.Disconnect{}) },
		} {
			p := h.connect()
			id := p.session(nil)
			l := h.last()
			l.stuck = make(chan struct{})
			p.say(i2cp.SendMessage{Session: id, To: h.somebody(), Payload: framed("last words"), Nonce: 1})
			if s := hears[i2cp.MessageStatus](p); s.State != i2cp.Accepted {
				t.Fatalf("%+v", s)
			}
			leave(p)
			<-p.over
			if got := l.got(); len(got) != 1 || l.late {
				t.Errorf("sent %q, late: %t", got, l.late)
			}
		}
	})
}
