// Package reach finds out whether and where others reach a router over one address family,
// from what others say and do. It has no I/O: its owner tells it what happens, and asks what
// it has come to and whether a test is due.
//
//	Said     an Address block: where a peer sees us            -> Address
//	Tested   the outcome of a peer test                        -+
//	Came     a session that a peer opened, without a hole       +-> State
//	Local    whether the machine has an address of the family   |
//	Heard    that any peer has been heard                      -+
//
// Nobody is believed alone. An address is ours once witnesses of two networks (IPv4: /16)
// have named it, and more of them than any other; a state is what two tests have come to
// whose Bobs and whose Charlies are of different networks, or what sessions from two networks
// prove. What differs from it afterwards asks for more tests, and moves it when two agree.
package reach
