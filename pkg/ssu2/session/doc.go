// Package session is the data phase of one SSU2 session, without I/O: what a
// handshake has established carries messages both ways until one side ends it.
//
//	Send, SendBlock -> outbox -> chunks -> Next -> seal -> datagram, to where the peer is
//	                     ^ lost     recovery.Sender: window, pace, what arrived
//	datagram -> Handle -> open -> blocks -> Sink          recovery.Receiver: ACK blocks
//	                                 `-> inbox: fragments of messages
//
// Its owner hands in datagrams and messages with the time, takes datagrams from Next
// until there is none, and comes again when Deadline has come, when something is to be
// sent, or when a datagram has arrived. Room tells how much it should Send: the window
// has that much, and what waits here cannot be overtaken by what waits elsewhere.
//
// Packets are never sent twice: of one that is lost, the messages and parts of messages
// that have not arrived otherwise go into new packets (SSU2, Packet Numbering). What
// waits goes in this order: what the session itself has to say, urgent messages, bulk;
// of each, what was lost comes first.
//
// What a congested path has marked (ECN) is told to the peer in a Congestion block, with the
// acknowledgement; of what the peer tells so, each round trip is answered once as a loss is (RFC
// 9002, section 7.1). Nothing is sent as capable of ECN all the same: SSU2's ACK block has no
// counts, and a peer does not say whether it reads marks at all (SSU2, Congestion), so that
// who sends could neither know that marks come back nor validate the path, as RFC 9000,
// section 13.4.2 asks. Routers that would mark drop instead, which is seen.
//
// Whatever a stranger can send fails to open, and changes nothing. What a peer can send
// is bounded: fragments of messages by number, bytes and time, path responses by one
// that waits, addresses by one that is being proved, with no more than three times the
// bytes that came from there.
package session
