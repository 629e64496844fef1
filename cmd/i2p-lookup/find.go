package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"i2ptoolkit/pkg/cli"
	"i2ptoolkit/pkg/cli/record"
	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/control/client"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
	"i2ptoolkit/pkg/routerinfo"
)

// answer is what is known of a name.
type answer struct {
	Name        string           `json:"name"`
	Found       bool             `json:"found"`
	Kind        string           `json:"kind,omitempty"` // destination or router
	Destination string           `json:"destination,omitempty"`
	B32         string           `json:"b32,omitempty"`
	Hash        string           `json:"hash,omitempty"`
	LeaseSet    *record.LeaseSet `json:"leaseset,omitempty"`
	Error       string           `json:"error,omitempty"`
}

// find looks a name up. A destination in base64 needs no router, nor does a b32 address of
// which no more than its hash is wanted, unless its lease set is asked for.
func find(ctx context.Context, router *client.Client, name string, wantSet, wantHash bool, timeout time.Duration) (answer, error) {
	n, err := i2p.ParseName(name)
	if err != nil {
		return answer{}, cli.Dataf("%w", errors.Unwrap(err)) // the name is said already
	}
	if n.Kind == i2p.NameDestination && !wantSet {
		return ofDestination(name, n.Destination), nil
	}
	hash, kind, err := cli.EntryOf(n, time.Now())
	if err != nil {
		return answer{}, err
	}
	if n.Kind == i2p.NameBlinded && !wantSet {
		return answer{}, fmt.Errorf("an encrypted lease set tells no destination")
	}
	if kind == control.KindLeaseSet && wantHash {
		return answer{Name: name, Found: true, Kind: "destination", B32: hash.B32(), Hash: hash.String()}, nil
	}
	if wantSet {
		kind = control.KindLeaseSet
	}
	return askSet(ctx, router, name, kind, hash, timeout)
}

// askSet asks the network.
func askSet(ctx context.Context, router *client.Client, name, kind string, hash i2p.Hash, timeout time.Duration) (answer, error) {
	found, err := cli.LookUp(ctx, router, kind, hash, timeout)
	if err != nil {
		return answer{}, err
	}
	if found.Kind == control.KindRouterInfo {
		ri, err := routerinfo.Parse(found.Data)
		if err != nil {
			return answer{}, cli.Dataf("%w", err)
		}
		id := ri.Identity()
		return answer{Name: name, Found: true, Kind: "router", Destination: i2p.EncodeBase64(id.Bytes()), Hash: ri.Hash().String()}, nil
	}
	set, err := leaseset.Parse(found.StoreType, found.Data)
	if err != nil {
		return answer{}, cli.Dataf("%w", err)
	}
	a := answer{Name: name, Found: true, Kind: "destination", Hash: hash.String()}
	if s, ok := set.(interface{ Destination() i2p.Destination }); ok { // not an encrypted one
		a = ofDestination(name, s.Destination())
	}
	shown := record.OfLeaseSet(set, time.Now())
	a.LeaseSet = &shown
	return a, nil
}

func ofDestination(name string, dest i2p.Destination) answer {
	return answer{Name: name, Found: true, Kind: "destination", Destination: dest.Base64(), B32: dest.B32(), Hash: dest.Hash().String()}
}
