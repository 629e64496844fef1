// Package ssu2 is the SSU2 transport protocol as an engine without I/O: the
// protection of headers, the handshake of both sides, the blocks, and what
// relays and peer tests are made of. Nothing here knows a socket or a clock.
package ssu2
