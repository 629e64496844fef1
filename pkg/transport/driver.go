package transport

import (
	"context"
	"net/netip"
	"time"

	"i2ptoolkit/pkg/draw"
	"i2ptoolkit/pkg/kem"
	"i2ptoolkit/pkg/routerinfo"
)

// Driver is one protocol. Its methods are called from many goroutines, and none
// but Listen, Run and Dial blocks.
type Driver interface {
	// Name is the style of the RouterAddresses that it publishes and dials.
	Name() string
	// Listen binds what the driver listens on, and returns the addresses. It is
	// the first call and happens once. The driver keeps h for what follows.
	Listen(ctx context.Context, h *Host) ([]netip.AddrPort, error)
	// Run takes in peers until ctx ends, and then closes what Listen has bound, and
	// what is in a handshake. Links are not its business: they end when told to.
	Run(ctx context.Context)
	// Bids tell in which ways the driver can reach a router from here, and how well:
	// one for each address, and one over others that introduce us.
	Bids(ri *routerinfo.RouterInfo) []Bid
	// Dial makes a link in one of these ways, within its own timeouts. Other ways may
	// be tried at the same time: when ctx ends it gives up at once, so that the peer
	// has no session that nobody wants. The link does not depend on ctx. The random
	// source is its own.
	Dial(ctx context.Context, ri *routerinfo.RouterInfo, by Bid, random *draw.Source) (Link, error)
	// Publish gives the addresses for our RouterInfo, where hosts are what this
	// router can be reached at from outside; there may be none.
	Publish(hosts []netip.Addr) []routerinfo.Address
	// Moved tells that the machine has lost these addresses: what is being
	// connected from them is to be connected anew.
	Moved(gone []netip.Addr)
	// Counters are what the driver counts besides the table.
	Counters() []Counter
}

// Bid is a driver's offer to reach a router in one way.
type Bid struct {
	Cost       int            // as of RouterAddress: 0 is best, 255 worst
	MaxMessage int            // bytes of the largest body that it carries
	At         netip.AddrPort // the address that is dialled; none is over others
}

// Counter is one number that only grows.
type Counter struct {
	Name  string // lower case, with underscores
	Help  string // what is counted, a sentence
	Value uint64
}

// Link is one session with a peer, past its handshake.
type Link interface {
	// Run carries messages both ways, and returns when the link has ended and
	// let go of everything. It is called once, unless Abort is.
	Run(s *Session)
	// Wake says that there is something to Take. It never blocks.
	Wake()
	// Yield has the link give back by Session.Return what of its messages the peer may not
	// have: another session carries on, as this one's peer seems to be elsewhere, or to have been
	// started anew. It goes on to read. It never blocks, and may come before Run.
	Yield()
	// Close has the link take leave of its peer and end. It never blocks, may
	// come before Run, and counts the first time only.
	Close(why Reason)
	// Abort lets go of a link that the table does not want, in place of Run.
	Abort()
	// State tells how the link is.
	State() LinkState
}

// LinkState is what a link knows of itself.
type LinkState struct {
	Remote     netip.AddrPort
	Local      netip.Addr    // that it depends on; invalid where it follows this machine's moves by itself
	RTT        time.Duration // as measured last
	Skew       time.Duration // how far the peer's clock runs ahead
	MaxMessage int           // bytes of the largest body that it carries
	Hybrid     kem.Kind      // what its keys depend on beside X25519
}

// Reason is why the table ends a session or refuses a peer. Drivers say it in
// their protocol's words.
type Reason byte

// The reasons.
const (
	ReasonReplaced      Reason = iota + 1 // another session with the peer has taken over
	ReasonIdle                            // nothing was sent for long
	ReasonShutdown                        // this router stops
	ReasonMoved                           // the address that it came from is this machine's no longer
	ReasonInfo                            // the RouterInfo is malformed, too old or from the future
	ReasonSignatureType                   // the RouterInfo's is unknown
	ReasonSignature                       // the RouterInfo's is wrong
	ReasonCrowded                         // it gave way to another session, for want of room
	ReasonBanned                          // of another network, from another address, or unwanted
)

var reasonTexts = [...]string{
	ReasonReplaced: "replaced by another session", ReasonIdle: "idle", ReasonShutdown: "router shutdown",
	ReasonMoved: "this machine's address has changed", ReasonInfo: "bad RouterInfo",
	ReasonCrowded:       "no room for it",
	ReasonSignatureType: "unknown signature type", ReasonSignature: "wrong signature", ReasonBanned: "banned",
}

// Error names the reason.
func (r Reason) Error() string { return "transport: " + reasonTexts[r] }

// Refusal says why a peer is refused.
type Refusal struct {
	Reason Reason
	Err    error
}

// Error tells what was wrong.
func (r *Refusal) Error() string { return r.Err.Error() }

// Unwrap returns what was wrong.
func (r *Refusal) Unwrap() error { return r.Err }
