// Package ssu2 is the SSU2 transport protocol as an engine without I/O: the
// protection of headers, the handshake of both sides, the data phase, the
// blocks, and what relays and peer tests are made of. Nothing here knows a
// socket or a clock.
//
// A session begins with a Noise XK handshake whose first message shows a token
// (SSU2, Overview, Tokens):
//
//	Alice                                        Bob
//	  TokenRequest                 ------------>       10  header.go, initiator.go
//	               <------------   Retry                9  responder.go, token.go
//	  SessionRequest  -> e, es     ------------>        0  initiator.go, xk.go
//	               <------------   SessionCreated       1  <- e, ee    responder.go
//	  SessionConfirmed  -> s, se   ------------>        2  in 1 to 15 packets, confirmed.go
//	  Data                         <----------->  Data  6
//
// Until a token has come back from where it was sent, Bob keeps nothing and
// answers with at most three times the bytes that he was sent.
//
// A packet is a header, masked with keys that its receiver can find
// (Header Encryption), a ChaCha20-Poly1305 sealed payload of blocks (Noise
// Payload), and a MAC:
//
//	long header   0                8     12    13   14   15    16              24      32
//	              | destination id | num | type| ver| net| flag| source id     | token | (key) payload, MAC
//	              |<---- k1 ------>|<--------- k2 ------------>|<-- k2, and the key behind it -->|
//	short header  | destination id | num | type|    flags      | payload, MAC
//
// An Endpoint has all handshakes of a socket; it is given the datagrams that
// belong to no session that stands, and the time, and returns what to send
// and, in the end, an Established: keys, connection ids, and a RouterInfo that
// is verified. Whatever a stranger may have forged is tried on copies: a
// datagram that does not authenticate changes nothing.
//
// A Relay and a PeerTests are the parts of a router in introductions and in
// tests of reachability, as Alice, Bob and Charlie (Relay Process, Peer Test
// Process): relay.go and peertest.go draw them. They are handed the blocks of
// sessions and the messages from outside of them.
//
// The post-quantum variants (SSU2 Hybrid; proposal 169) are other versions in
// the long header, other names at the start of the Noise state, and one more
// sealed part in each of the first two messages: hybrid.go.
package ssu2
