package portmap

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"time"

	natpmp "github.com/jackpal/go-nat-pmp"
)

// natPMP is a gateway that speaks NAT-PMP.
type natPMP struct{ at netip.Addr }

func (natPMP) name() string { return "NAT-PMP" }

func natPMPFinder(router func() netip.Addr) finder {
	return func(ctx context.Context) (gateway, error) {
		g := natPMP{router()}
		if !g.at.IsValid() || !g.at.Is4() {
			return nil, errNone
		}
		_, err := g.external(ctx)
		return g, err
	}
}

// client is the library's, which knows no contexts: it gives up by itself.
func (g natPMP) client(ctx context.Context) *natpmp.Client {
	left := requestTime
	if end, ok := ctx.Deadline(); ok {
		left = min(left, max(time.Until(end), time.Millisecond))
	}
	if ctx.Err() != nil {
		left = time.Millisecond
	}
	return natpmp.NewClientWithTimeout(g.at.AsSlice(), left)
}

func (g natPMP) external(ctx context.Context) (netip.Addr, error) {
	r, err := g.client(ctx).GetExternalAddress()
	if err != nil {
		return netip.Addr{}, natPMPWords(err)
	}
	return netip.AddrFrom4(r.ExternalIPAddress), nil
}

func (g natPMP) add(ctx context.Context, p Port, wanted netip.AddrPort, life time.Duration) (at netip.AddrPort, granted time.Duration, err error) {
	host, err := g.external(ctx)
	if err != nil {
		return at, 0, err
	}
	r, err := g.client(ctx).AddPortMapping(strings.ToLower(string(p.Protocol)), int(p.Internal), int(wanted.Port()), int(life/time.Second))
	if err != nil {
		return at, 0, natPMPWords(err)
	}
	return netip.AddrPortFrom(host, r.MappedExternalPort), time.Duration(r.PortMappingLifetimeInSeconds) * time.Second, nil
}

// natPMPResults are the results that are no success (RFC 6886, 3.5).
var natPMPResults = [...]string{
	1: "unsupported version", "not authorized", "the gateway has no address outside", "no resources", "unsupported opcode",
}

// natPMPWords says an error of the library, which has no type for a gateway's.
func natPMPWords(err error) error {
	result := 0
	if _, other := fmt.Sscanf(err.Error(), "Non-zero result code %d", &result); other != nil {
		return fmt.Errorf("NAT-PMP: %w", err)
	}
	if result > 0 && result < len(natPMPResults) {
		return fmt.Errorf("NAT-PMP: %s", natPMPResults[result])
	}
	return fmt.Errorf("NAT-PMP: result %d", result)
}

func (g natPMP) remove(ctx context.Context, m Mapping) error {
	_, err := g.client(ctx).AddPortMapping(strings.ToLower(string(m.Protocol)), int(m.Internal), 0, 0)
	return err
}
