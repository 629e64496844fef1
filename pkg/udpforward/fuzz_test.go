package udpforward

import (
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"i2ptoolkit/pkg/datagram"
	"i2ptoolkit/pkg/i2p"
)

// FuzzPeers: whatever peers send, a server and a producer hold no more than their limits, and all
// that they hold ends.
func FuzzPeers(f *testing.F) {
	f.Add([]byte{0, 0, 0, 1, 1, 0, 2, 2, 1, 3, 3, 2})
	f.Fuzz(func(t *testing.T, script []byte) {
		w := &world{ports: make(map[place]*port), sockets: make(map[netip.AddrPort]*socket)}
		far := w.listen(i2p.Destination{}, 0)
		limits := Limits{Flows: 3, PeerFlows: 2}
		s := NewServer(ServerConfig{Limits: limits, Dial: func(i2p.Hash) (net.Conn, error) { return w.dial(1), nil }})
		p := NewProducer(ProducerConfig{Limits: limits})
		var running sync.WaitGroup
		defer running.Wait()
		defer s.endAll()
		now := time.Now()
		for ; len(script) >= 3; script = script[3:] {
			m := datagram.Message{
				Protocol: datagram.Protocols[script[0]%4], Peer: i2p.Hash{1 + script[1]%8}, PeerPort: uint16(script[1] / 64), Port: uint16(script[2] % 4),
				Payload: script[2:3], Options: i2p.Mapping{{Key: "flags", Value: string(script[1:3])}, {Key: "seqn", Value: string(script[:1])}},
			}
			if m.Protocol == datagram.Raw {
				m.Peer = i2p.Hash{}
			}
			if script[0] >= 250 {
				now = now.Add(time.Hour)
				s.expire(now)
				p.expire(now)
			}
			if f, err := s.flow(m, far, &running); err == nil {
				f.deliver(m)
			}
			p.handle(m, now)
			if n := len(s.guard.flows.all); n > limits.Flows || n != s.Stats().Flows {
				t.Fatalf("%d flows, %+v", n, s.Stats())
			}
			all := 0
			for _, n := range s.guard.peers {
				if all += n; n > limits.PeerFlows {
					t.Fatalf("%d flows of a peer", n)
				}
			}
			if all != len(s.guard.flows.all) || len(p.subscribers) > limits.Flows || len(p.subscribers) != p.Stats().Flows {
				t.Fatalf("%d, %+v", all, p.Stats())
			}
		}
		if s.endAll(); len(w.sockets) != 0 || len(s.guard.ports) != 0 || len(s.guard.peers) != 0 {
			t.Errorf("left: %v %v %v", w.sockets, s.guard.ports, s.guard.peers)
		}
	})
}
