package main

import (
	"context"
	"errors"
	"slices"
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
	Services    []offer          `json:"services,omitempty"`
	Book        string           `json:"book,omitempty"`  // that has the name
	Names       []string         `json:"names,omitempty"` // of the destination
	Ping        *pings           `json:"ping,omitempty"`
	Trace       []record.Trace   `json:"trace,omitempty"`
	Error       string           `json:"error,omitempty"`
}

// finder looks names up.
type finder struct {
	books   books
	router  *client.Client // nil: there is none to ask
	timeout time.Duration

	pinger *pinger // nil: nobody is to echo

	wantSet, wantHash, wantNames, wantTrace bool
}

func newFinder(c *cli.Context, b books) (*finder, error) {
	f := &finder{books: b, timeout: c.Duration("timeout")}
	if c.Bool("offline") {
		return f, nil
	}
	var err error
	f.router, err = cli.Router(c)
	return f, err
}

// find looks a name up. A destination in base64 needs no router, nor does a b32 address of
// which no more than its hash is wanted, unless its lease set is asked for.
func (f *finder) find(ctx context.Context, name string) (answer, error) {
	if service, text, found := leaseset.CutService(name); found {
		return f.services(ctx, name, service, text)
	}
	n, err := i2p.ParseName(name)
	if err != nil {
		return answer{}, cli.Dataf("%w", errors.Unwrap(err)) // the name is said already
	}
	book := ""
	if n.Kind == i2p.NameHost {
		if n, book, err = cli.OfHost(ctx, f.books, n); err != nil {
			return answer{}, err
		}
	}
	if f.pinger != nil {
		done, err := f.pinger.ping(ctx, n.String())
		return answer{Name: name, Found: true, Kind: "destination", Book: book, Ping: done}, err
	}
	a, err := f.findBeyond(ctx, name, n)
	a.Book = book
	return a, err
}

// findBeyond finds what is no host name.
func (f *finder) findBeyond(ctx context.Context, name string, n i2p.Name) (answer, error) {
	if n.Kind == i2p.NameDestination && !f.wantSet && !f.wantNames && !f.wantTrace {
		return ofDestination(name, n.Destination), nil
	}
	hash, kind, err := cli.EntryOf(n, time.Now())
	switch {
	case err != nil:
		return answer{}, err
	case f.wantTrace:
		return f.trace(ctx, name, n, kind, hash)
	case n.Kind == i2p.NameBlinded && !f.wantSet:
		return answer{}, errors.New("an encrypted lease set tells no destination")
	case f.wantNames:
		return f.reverse(ctx, name, hash)
	case kind == control.KindLeaseSet && f.wantHash:
		return answer{Name: name, Found: true, Kind: "destination", B32: hash.B32(), Hash: hash.String()}, nil
	case f.router == nil:
		return f.called(ctx, name, hash)
	case f.wantSet:
		kind = control.KindLeaseSet
	}
	return askSet(ctx, f.router, name, kind, hash, f.timeout)
}

// reverse finds the names that the books have for a destination.
func (f *finder) reverse(ctx context.Context, name string, hash i2p.Hash) (answer, error) {
	found, err := f.books.Reverse(ctx, hash.String())
	if err != nil {
		return answer{}, err
	}
	if len(found) == 0 {
		return answer{}, errors.New("no address book has a name for it")
	}
	a := answer{Name: name, Found: true, Kind: "destination", Destination: found[0].Destination, B32: found[0].B32, Hash: hash.String()}
	for _, n := range found {
		if !slices.Contains(a.Names, n.Name) {
			a.Names = append(a.Names, n.Name)
		}
	}
	return a, nil
}

// called finds a destination by its hash where only books can be asked.
func (f *finder) called(ctx context.Context, name string, hash i2p.Hash) (answer, error) {
	a, err := f.reverse(ctx, name, hash)
	a.Names = nil
	return a, err
}

// askSet asks the network.
func askSet(ctx context.Context, router *client.Client, name, kind string, hash i2p.Hash, timeout time.Duration) (answer, error) {
	found, err := cli.LookUp(ctx, router, kind, hash, timeout)
	if err != nil {
		return answer{}, err
	}
	return ofRecord(name, hash, found)
}

// trace asks the network, and for how that went.
func (f *finder) trace(ctx context.Context, name string, n i2p.Name, kind string, hash i2p.Hash) (answer, error) {
	traces, err := cli.TraceLookUp(ctx, f.router, kind, hash, f.timeout)
	if err != nil {
		return answer{}, err
	}
	a := answer{}
	if err = cli.FailureOf(traces); err == nil {
		a, err = ofRecord(name, hash, *traces[0].Record)
	}
	for _, t := range traces {
		a.Trace = append(a.Trace, record.OfTrace(name, n, t, time.Now()))
	}
	return a, err
}

// ofRecord is what an entry tells of a name.
func ofRecord(name string, hash i2p.Hash, found control.Record) (answer, error) {
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
