package attack

import (
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"time"

	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/noise"
	"i2ptoolkit/pkg/routerinfo"
	"i2ptoolkit/pkg/transport/ntcp2link"
)

// NetID is the id of every network of this package.
const NetID = 97

// Identity is that of a router: an attacker makes thousands of them a second.
type Identity struct {
	Keys  *i2p.PrivateKeys
	NTCP2 ntcp2link.Keys
	Info  *routerinfo.RouterInfo
}

// NewIdentity draws one that says to have these capabilities, and to be reached at
// these addresses, or at none.
func NewIdentity(random io.Reader, caps string, at ...netip.AddrPort) (*Identity, error) {
	keys, err := i2p.GenerateRouter(random)
	if err != nil {
		return nil, err
	}
	id := &Identity{Keys: keys}
	if id.NTCP2, err = ntcp2link.ParseKeys(ntcp2link.NewKeys(random)); err != nil {
		return nil, err
	}
	return id, id.publish(caps, at)
}

// publish makes its RouterInfo of the present moment.
func (id *Identity) publish(caps string, at []netip.AddrPort) (err error) {
	key := i2p.EncodeBase64(id.NTCP2.Static.Public[:])
	options := []map[string]string{{"caps": "4", "v": "2", "s": key}}
	if len(at) > 0 {
		options = options[:0]
	}
	for _, a := range at {
		options = append(options, map[string]string{
			"host": a.Addr().String(), "port": strconv.Itoa(int(a.Port())), "v": "2", "s": key, "i": i2p.EncodeBase64(id.NTCP2.IV[:]),
		})
	}
	var addresses []routerinfo.Address
	for _, o := range options {
		m, err := i2p.NewMapping(o)
		if err != nil {
			return err
		}
		addresses = append(addresses, routerinfo.Address{Cost: 8, Style: routerinfo.StyleNTCP2, Options: m})
	}
	id.Info, err = routerinfo.Build(routerinfo.BuildConfig{
		Keys: id.Keys, Published: i2p.DateOf(time.Now()), Addresses: addresses,
		Options: map[string]string{"caps": caps, "netId": strconv.Itoa(NetID), "router.version": control.APILevel},
	})
	return err
}

// Hash is the router's.
func (id *Identity) Hash() i2p.Hash { return id.Info.Hash() }

// garlicKey opens what is sealed to the router.
func (id *Identity) garlicKey() noise.KeyPair { return noise.NewKeyPair([32]byte(id.Keys.Crypto)) }

// reachedAt finds a router's NTCP2 address of a family.
func reachedAt(ri *routerinfo.RouterInfo, v6 bool) (routerinfo.Address, error) {
	for _, a := range ri.NTCP2() {
		if a.Host().Is6() == v6 {
			return a, nil
		}
	}
	return routerinfo.Address{}, fmt.Errorf("attack: %s has no NTCP2 address of that family", ri.Hash())
}
