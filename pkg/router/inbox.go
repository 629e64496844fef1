package router

import (
	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/mailbox"
)

// arrival is a message from a peer.
type arrival struct {
	from i2p.Hash
	msg  i2np.Message
}

// inbox is the only way into the router's loop.
type inbox struct{ *mailbox.Box[arrival] }

func newInbox(limit int, gather func()) inbox {
	return inbox{mailbox.New(mailbox.Config[arrival]{
		Limit: limit, Gather: gather, Drop: func(a arrival) { a.msg.Release() },
	})}
}

// message hands in a peer's message and takes ownership of it.
func (q inbox) message(from i2p.Hash, m i2np.Message) { q.Post(arrival{from, m}) }

// do hands in a call. It reports false when the loop has ended.
func (q inbox) do(f func()) bool { return q.Call(f) }
