package streaming_test

import (
	"encoding/binary"
	"testing"
	"time"

	"i2ptoolkit/pkg/streaming"
)

// TestReach: towards Java, whose receive buffer has 124 packets of our size, no packet goes
// further than that beyond the first that is missing; others take more.
func TestReach(t *testing.T) {
	long(t)
	for _, peer := range []struct {
		name     string
		syn, ack byte // resend delays
		least    uint32
		most     uint32
	}{
		{"Java", 1, 1, 100, 124},
		{"Java with another delay", 5, 5, 100, 124},
		{"one that says nothing", 0, 0, 100, 124},
		{"i2pd", 9, 0, 300, 4096},
	} {
		f := newForeign(t, streaming.Config{})
		s := f.w.dial(f.a, f.w.nodes[1], streaming.OpenOptions{})
		id := f.take(100*ms, s)[0].ReceiveStreamID
		f.send(streaming.Packet{SendStreamID: id, ReceiveStreamID: 99, Flags: synFlags, From: f.keys.Destination(), MaxPacketSize: 1730, ResendDelay: peer.syn})
		s.toSend = 8 << 20
		lost, highest, reach := uint32(0), uint32(0), uint32(0)
		for trip := range 60 {
			sent := f.take(100*ms, s)
			for _, p := range sent {
				highest = max(highest, p.SequenceNum)
			}
			switch {
			case trip%10 == 5 && len(sent) > 0: // one is lost, and so are its repetitions for a while
				lost = sent[0].SequenceNum
			case trip%10 == 9:
				lost = 0
			}
			if lost > 0 {
				reach = max(reach, highest-lost+1)
			}
			ack := streaming.Packet{SendStreamID: id, ReceiveStreamID: 99, AckThrough: highest, ResendDelay: peer.ack}
			if lost > 0 {
				ack.NACKs = binary.BigEndian.AppendUint32(nil, lost)
			}
			f.send(ack)
			if s.closed {
				t.Fatal(s.err)
			}
		}
		if reach < peer.least || reach > peer.most {
			t.Errorf("%s: %d packets beyond what is missing", peer.name, reach)
		}
	}
}

// TestUnackedMemory: what all streams of a destination send and nobody
// acknowledges is bounded, and each of them still moves.
func TestUnackedMemory(t *testing.T) {
	long(t)
	const budget, streams = 1 << 20, 200
	w, a, b := two(t, streaming.Config{Limits: streaming.Limits{Unacked: budget}}, streaming.Config{}, link{latency: time.Second, rate: 20e6, queue: 8 << 20})
	var near []*side
	for range streams {
		s := w.dial(a, b, streaming.OpenOptions{})
		s.toSend = 100 << 10
		near = append(near, s)
	}
	most := 0
	for range 200 {
		w.idle(200*ms, near...)
		held := 0
		for _, s := range near {
			held += s.conn.Stats().InFlight * 1812
		}
		most = max(most, held)
	}
	for i, r := range b.accepted {
		if r.got != 100<<10 {
			t.Fatalf("stream %d: %d bytes", i, r.got)
		}
	}
	t.Logf("%d KiB unacknowledged at most", most>>10)
	if most > budget+streams*16*1812 {
		t.Errorf("%d bytes unacknowledged", most)
	}
}
