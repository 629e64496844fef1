package i2cpserver

import (
	"testing"
	"testing/synctest"

	"i2ptoolkit/pkg/datagram"
	"i2ptoolkit/pkg/i2cp"
	"i2ptoolkit/pkg/i2p"
)

// TestUnread: a client that does not read gets no more than is kept for it, and who delivers to it does not wait.
func TestUnread(t *testing.T) {
	inBubble(t, func(t *testing.T, h *hall) {
		p := h.connect()
		p.session(nil)
		l := h.last()
		big := framed(string(make([]byte, 30<<10)))
		for range 200 {
			l.handle(datagram.Header{}, big, i2p.Hash{})
		}
		if n := p.end.held.Load(); n > maxUnread {
			t.Errorf("%d bytes are held", n)
		}
		if s := h.Stats(); s.Overflowed == 0 || s.Overflowed+s.MessagesOut < 200 {
			t.Errorf("%+v", s)
		}
		delivered := h.Stats().MessagesOut - 1
		stuck := h.connect() // ends though nobody reads, and though it is being written to
		stuck.session(nil)
		h.last().handle(datagram.Header{}, big, i2p.Hash{})
		stuck.conn.Write([]byte{0, 0, 0, 0, byte(i2cp.TypeSetDate)})
		<-stuck.over
		for range delivered {
			hears[i2cp.MessagePayload](p)
		}
		synctest.Wait()
		l.handle(datagram.Header{}, big, i2p.Hash{})
		hears[i2cp.MessagePayload](p)
	})
}
