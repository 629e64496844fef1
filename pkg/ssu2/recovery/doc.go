// Package recovery decides what a sender of numbered packets may send, and what of it
// was lost; and what a receiver of them tells of what has come. It is RFC 9002 with
// the numbers and acknowledgements of SSU2 (SSU2, Congestion Control), and knows
// neither bytes of packets, nor sockets, nor a clock: instants are durations since
// an epoch of the caller's.
//
//	Sender:    Sent -> number        Acked(ranges) -> what arrived, what is lost
//	           Room: bytes that the window and the pace let go now
//	Receiver:  Received(number) -> new, or a repetition    Ranges -> for an ACK block
//
// # Congestion control
//
// The paths are shared with TCP, and what is carried has a control of its own: streams
// through tunnels, each with its round trip over several such links. That asks for three
// things that no usual control has together. A deep queue at a slow line must not fill,
// because every stream through it waits in it. Beside the CUBIC of TCP, which does fill
// it, this must not starve. And losses without a queue, of which radio lines and long
// paths have a hundredth, are no sign of congestion.
//
// So this is CUBIC (RFC 9438) with two more senses. A standing queue, seen as all round
// trips of one round being longer than the shortest known by an eighth, is answered like
// a congestion, with a window that empties it; so do all flows of this kind, at the same
// time, which makes their shares converge, and lets each see the shortest round trip.
// And a loss counts only beside a queue, or where it is one of many.
//
//	alone --a queue stands that two to five answers did not empty--> contested
//	  ^                                                                  |
//	  +-------------- a probe finds a round trip as short as ever -------+
//
// In the contested mode somebody else fills the queue, and this is CUBIC and nothing
// else: it takes back the answers, and shares as equals do. Some seconds after the
// shortest round trip in that mode it empties its own share for two round trips, to
// see whether the other has gone. All who share the queue saw that shortest one at the
// same time, when one of them emptied it, so that those of this kind probe together (as
// in BBR's ProbeRTT), and are not held in that mode by each other.
package recovery
