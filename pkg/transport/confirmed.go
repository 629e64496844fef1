package transport

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"i2ptoolkit/pkg/ntcp2"
	"i2ptoolkit/pkg/routerinfo"
)

// infoMaxAhead is how far in the future a RouterInfo may be published.
const infoMaxAhead = 2 * time.Minute

// checkConfirmed judges what Alice sent in message 3: her clock, her
// RouterInfo, that it holds the static key that she proved, and that she comes
// from where it says (NTCP2, SessionConfirmed, notes).
func (t *Transport) checkConfirmed(r ntcp2.Result, from netip.Addr) (*routerinfo.RouterInfo, ntcp2.Reason, error) {
	if r.Skew.Abs() > ntcp2.MaxSkew {
		return nil, ntcp2.ReasonClockSkew, fmt.Errorf("transport: clock skew %v", r.Skew)
	}
	ri, err := routerinfo.Parse(r.Info)
	if err != nil {
		return nil, ntcp2.ReasonMessage3, err
	}
	if !ri.Identity().SigType().Known() {
		return nil, ntcp2.ReasonSignatureType, fmt.Errorf("transport: signature type %v", ri.Identity().SigType())
	}
	if err := ri.Verify(); err != nil {
		return nil, ntcp2.ReasonSignature, err
	}
	age := t.cfg.Now().Sub(ri.Published().Time())
	switch {
	case age > t.limits.InfoMaxAge || age < -infoMaxAhead:
		return nil, ntcp2.ReasonMessage3, fmt.Errorf("transport: RouterInfo published %v ago", age)
	case ri.NetID() != int(t.cfg.NetID):
		return nil, ntcp2.ReasonBanned, fmt.Errorf("transport: RouterInfo of network %d", ri.NetID())
	case ri.Hash() == t.hash:
		return nil, ntcp2.ReasonBanned, errors.New("transport: RouterInfo is our own")
	case !hasStatic(ri, r.Static):
		return nil, ntcp2.ReasonStaticKey, errors.New("transport: no NTCP2 address with the static key")
	case !comesFrom(ri, from):
		return nil, ntcp2.ReasonBanned, errors.New("transport: peer does not come from its published address")
	}
	if t.cfg.AllowPeer != nil {
		if err := t.cfg.AllowPeer(ri.Hash(), ri); err != nil {
			return nil, ntcp2.ReasonBanned, err
		}
	}
	return ri, 0, nil
}

func hasStatic(ri *routerinfo.RouterInfo, static [32]byte) bool {
	for _, a := range ri.Addresses() {
		if key, ok := a.StaticKey(); ok && a.IsNTCP2() && key == static {
			return true
		}
	}
	return false
}

// comesFrom reports whether a connection from addr agrees with the addresses
// that the peer publishes in that family, if it does: the same IPv4 address,
// or for IPv6, where hosts use temporary ones, the same /64.
func comesFrom(ri *routerinfo.RouterInfo, addr netip.Addr) bool {
	published := false
	for _, a := range ri.Addresses() {
		host := a.Host().Unmap()
		if !a.IsNTCP2() || !host.IsValid() || host.Is4() != addr.Is4() {
			continue
		}
		if source(host) == source(addr) {
			return true
		}
		published = true
	}
	return !published
}
