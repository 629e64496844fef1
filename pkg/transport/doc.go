// Package transport keeps the sessions of one router with its peers. A Transport
// is a table: peers, the queue of messages for each, what they may take of number,
// memory and bandwidth, when to dial and when to wait, what is told of them. It
// knows no protocol. Those are Drivers, each in a package beside this one.
//
//	Transport ── Send, SendTo ──> queue of a peer ── Session.Take ──> Link ──> wire
//	    │                                                               │
//	    ├── Driver.Bids, Dial (whom a driver reaches, and how well)     │
//	    ├── Host.Admit, Serve (who comes in, within the limits)         │
//	    └── Events.Deliver <───────────── Session.Deliver <─────────────┘
//
// A Link pulls: a message leaves the peer's queue when the link has room for it,
// by whatever measure the protocol has (a TCP connection that takes bytes, a
// congestion window), and not before, so that urgent ones overtake and late ones
// are dropped to the last moment. A link has a goroutine of its own, or shares one
// and a socket with others; Run returns when it has ended, either way.
//
// # A driver
//
// A driver listens and shakes hands in whatever way is its own. Who comes in is
// counted as a Visitor from the first byte, or the first packet that proves its
// address, until Host.Serve has a link of it or it Leaves; junk is told, so that
// its source is not heard for ever. Dial may take seconds, over other routers that
// introduce us: each runs in a goroutine of its own, and where a peer can be reached
// in several ways, several run beside each other, of which the first that has a link
// serves (see race). A link over UDP shares its
// socket and, if it likes, a loop with others: it Takes as much as its congestion
// window has room for, keeps what is not acknowledged yet, puts large messages
// together again before it Delivers them, tells by Stall and End what became of
// the peer, and where it follows changes of address by itself its LinkState has no
// Local. A driver that learns how it is reached from outside, or that it is not,
// says Readdressed, and is asked what to Publish.
//
// # Who carries on
//
// Where a peer comes again, or is dialled again because this machine has moved or the
// session has stalled, the older session is told to Yield: the messages that it has taken, and of which
// it does not know that they have arrived, go over the newer one (SSU2, Multiple
// Sessions). Some arrive twice then: each of them is known by its numbers where that matters.
//
// Package ntcp2link is the driver of NTCP2, and ssu2link that of SSU2. The one in
// simtest's tests is a toy over datagrams, the least that a driver has to do.
//
// Every goroutine ends before Transport.Run returns.
package transport
