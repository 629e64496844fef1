package udpforward

import (
	"context"
	"net"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"i2ptoolkit/pkg/datagram"
	"i2ptoolkit/pkg/i2p"
)

// TestStreamr: what a producer is given all consumers get, for as long as they subscribe.
func TestStreamr(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		producer := destination(t)
		p := NewProducer(ProducerConfig{Listen: w.at(producer, 0)})
		endProducer := run(t, func(ctx context.Context) error { return p.Serve(ctx, w.socket(clientPort)) })
		synctest.Wait()
		var ends []func()
		var players []*socket
		for range 2 {
			consumer, player := destination(t), w.socket(0)
			c := NewConsumer(ConsumerConfig{
				Resolve: func(context.Context) (i2p.Destination, error) { return producer, nil },
				Listen:  w.free(consumer),
				Dial:    func() (net.Conn, error) { return w.dial(player.own.Port()), nil },
			})
			ends, players = append(ends, run(t, c.Serve)), append(players, player)
		}
		synctest.Wait()
		source := w.socket(0)
		for range 3 { // far longer than a silent subscriber is remembered
			source.says("tick", clientPort)
			for i, player := range players {
				if got := player.heard(); !slices.Equal(got, []string{"tick"}) {
					t.Errorf("%d heard %q", i, got)
				}
			}
			time.Sleep(2 * time.Minute)
		}
		ends[0]()
		source.says("tock", clientPort)
		if got := players[0].heard(); got != nil || p.Stats().Flows != 1 {
			t.Errorf("%q after the end", got)
		}
		if got := players[1].heard(); !slices.Equal(got, []string{"tock"}) {
			t.Errorf("%q", got)
		}
		ends[1]()
		endProducer()
		if st := p.Stats(); st.Flows != 0 || st.Opened != 2 || st.Out != 7 || len(w.ports) != 0 {
			t.Errorf("%+v", st)
		}
	})
}

// TestSubscriptions: they are signed, bounded and end by themselves.
func TestSubscriptions(t *testing.T) {
	stranger := i2p.Hash{9}
	p := NewProducer(ProducerConfig{Limits: Limits{Flows: 2}, Allows: func(peer i2p.Hash) bool { return peer != stranger }})
	now := time.Unix(1_750_000_000, 0)
	say := func(protocol byte, from i2p.Hash, payload ...byte) {
		p.handle(datagram.Message{Protocol: protocol, Peer: from, Payload: payload}, now)
	}
	want := func(flows int, refused, malformed, crowded uint64) {
		t.Helper()
		if st := p.Stats(); st.Flows != flows || st.Refused != refused || st.Malformed != malformed || st.Crowded != crowded || len(p.subscribers) != flows {
			t.Errorf("%+v", st)
		}
	}
	say(datagram.Datagram3, i2p.Hash{1}, subscribe)
	say(datagram.Raw, i2p.Hash{}, subscribe)
	say(datagram.Repliable, stranger, subscribe)
	want(0, 3, 0, 0)
	say(datagram.Repliable, i2p.Hash{1})
	say(datagram.Repliable, i2p.Hash{1}, 2)
	want(0, 3, 2, 0)
	say(datagram.Repliable, i2p.Hash{1}, subscribe)
	say(datagram.Datagram2, i2p.Hash{2}, subscribe)
	say(datagram.Repliable, i2p.Hash{3}, subscribe)
	want(2, 3, 2, 1)
	say(datagram.Repliable, i2p.Hash{3}, unsubscribe)
	want(2, 3, 2, 1)
	now = now.Add(59 * time.Second)
	say(datagram.Repliable, i2p.Hash{1}, subscribe)
	now = now.Add(time.Second)
	p.expire(now)
	want(1, 3, 2, 1)
	say(datagram.Repliable, i2p.Hash{1}, unsubscribe)
	want(0, 3, 2, 1)
}

// TestPings: a consumer says that it is there as Java's does.
func TestPings(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		producer := destination(t)
		c := NewConsumer(ConsumerConfig{
			Resolve: func(context.Context) (i2p.Destination, error) { return producer, nil },
			Listen:  w.at(destination(t), 0),
			Dial:    func() (net.Conn, error) { return w.dial(1), nil },
		})
		end := run(t, c.Serve)
		time.Sleep(41 * time.Second)
		end()
		if len(w.sent) != 10 { // at 0, 2, 4, 6, 8, 10, 20, 30 and 40 s, and at the end
			t.Errorf("%d", len(w.sent))
		}
		for i, m := range w.sent {
			if last := i == len(w.sent)-1; m.Protocol != datagram.Repliable || len(m.Payload) != 1 || (m.Payload[0] == unsubscribe) != last {
				t.Errorf("%d: %+v", i, m)
			}
		}
	})
}
