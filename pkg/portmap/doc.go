// Package portmap asks the gateway of a home network to pass on ports to this machine: by PCP (RFC
// 6887), NAT-PMP (RFC 6886) or UPnP IGD, whichever it speaks. Mappings are renewed while the Mapper
// runs, and given back at its end; after a crash they run out by themselves.
//
// What it learns is a gateway's word, no more: whether others reach the router there is found out by
// whoever asks them.
package portmap

import (
	"context"
	"errors"
	"net/netip"
	"time"
)

// Protocol is what a port belongs to.
type Protocol string

// The protocols.
const (
	TCP Protocol = "TCP"
	UDP Protocol = "UDP"
)

// Port is one of this machine's, which others are to reach.
type Port struct {
	Protocol Protocol
	Internal uint16
}

// Mapping is a port that the gateway passes on.
type Mapping struct {
	Port
	External netip.AddrPort // where, as the gateway says; one behind another gateway says a private address
	Until    time.Time      // unless it is renewed
}

// State is what has come of asking.
type State struct {
	By       string // UPnP IGD, NAT-PMP, PCP; empty is no gateway
	Mappings []Mapping
	Problem  string // why there are not all; empty: there are, or nothing is known yet
}

// gateway is one that was found, and the protocol that it speaks. Calls end with ctx.
type gateway interface {
	name() string
	// add asks for a port, or renews it, and tells where it is and for how long. The wanted external
	// port is a wish.
	add(ctx context.Context, p Port, wanted netip.AddrPort, life time.Duration) (external netip.AddrPort, granted time.Duration, err error)
	remove(ctx context.Context, m Mapping) error
}

// finder looks for a gateway.
type finder func(ctx context.Context) (gateway, error)

// errNone means that nobody answers.
var errNone = errors.New("no gateway answers by PCP, NAT-PMP or UPnP")
