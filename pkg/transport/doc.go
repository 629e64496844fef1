// Package transport keeps the sessions of one router with its peers. A Transport
// is a table: peers, the queue of messages for each, what they may take of number,
// memory and bandwidth, when to dial and when to wait, what is told of them. It
// knows no protocol. Those are Drivers, each in a package beside this one.
//
//	Transport ── Send, SendTo ──> queue of a peer ── Session.Take ──> Link ──> wire
//	    │                                                               │
//	    ├── Driver.Bid, Dial  (whom a driver reaches, and how well)     │
//	    ├── Host.Admit, Serve (who comes in, within the limits)         │
//	    └── Config.Deliver <───────────── Session.Deliver <─────────────┘
//
// A Link pulls: a message leaves the peer's queue when the link has room for it,
// by whatever measure the protocol has (a TCP connection that takes bytes, a
// congestion window), and not before, so that urgent ones overtake and late ones
// are dropped to the last moment. A link has a goroutine of its own, or shares one
// and a socket with others; Run returns when it has ended, either way.
//
// Every goroutine ends before Transport.Run returns.
package transport
