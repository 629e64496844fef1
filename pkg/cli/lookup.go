package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/control/client"
	"i2ptoolkit/pkg/i2p"
)

// EntryOf is where the netDb has what a name stands for at a time. Only destinations have
// addresses; kind is empty where the name may be a router's too. Host names go through OfHost first.
func EntryOf(n i2p.Name, now time.Time) (hash i2p.Hash, kind string, err error) {
	switch n.Kind {
	case i2p.NameHash:
		return n.Hash, "", nil
	case i2p.NameBlinded:
		if n.Blinded.Secret {
			return hash, "", WithHint(fmt.Errorf("%v: where it is depends on a secret", n), "i2p-keygen b33 --secret tells the store hash of a day")
		}
		key, err := n.Blinded.BlindedKey(now, "")
		if err != nil {
			return hash, "", Dataf("%v: %w", n, err)
		}
		return i2p.BlindedStoreHash(key), control.KindLeaseSet, nil
	case i2p.NameHost:
		panic("cli: a host name is found in address books first") // OfHost
	}
	return n.Hash, control.KindLeaseSet, nil
}

// AddressBooks find the destination of a host name: a router's do.
type AddressBooks interface {
	LookUpName(ctx context.Context, name string) (control.Name, error)
}

// OfHost is what a name stands for in address books where it is a host's, and what it is where it is
// none. The book is the one that has it.
func OfHost(ctx context.Context, books AddressBooks, n i2p.Name) (is i2p.Name, book string, err error) {
	if n.Kind != i2p.NameHost {
		return n, "", nil
	}
	found, err := books.LookUpName(ctx, n.Host)
	if errors.Is(err, &control.Error{Code: control.NotFound}) {
		err = control.Errorf(control.NotFound, "no address book has this name")
	}
	if err != nil {
		return i2p.Name{}, "", err
	}
	dest, err := i2p.ParseDestinationBase64(found.Destination)
	if err != nil {
		return i2p.Name{}, "", Dataf("%w", err)
	}
	return i2p.Name{Kind: i2p.NameDestination, Destination: dest, Hash: dest.Hash()}, found.Book, nil
}

// ParseName reads a name in any of its spellings.
func ParseName(text string) (i2p.Name, error) {
	n, err := i2p.ParseName(text)
	return n, BadData("", err)
}

// LookUp asks the network for the entry under a hash. Without a kind it asks for both: a
// hash is a router's or a destination's, never both's.
func LookUp(ctx context.Context, router *client.Client, kind string, hash i2p.Hash, timeout time.Duration) (control.Record, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout+time.Second) // the router's own clock decides
	defer cancel()
	ask := func(kind string) (control.Record, error) {
		return router.Lookup(ctx, control.Lookup{Kind: kind, Hash: hash.String(), TimeoutMillis: timeout.Milliseconds()})
	}
	if kind != "" {
		return ask(kind)
	}
	type answer struct {
		record control.Record
		err    error
	}
	routers := make(chan answer, 1)
	go func() {
		r, err := ask(control.KindRouterInfo)
		routers <- answer{r, err}
		if err == nil {
			cancel()
		}
	}()
	record, err := ask(control.KindLeaseSet)
	if err == nil {
		cancel()
		<-routers
		return record, nil
	}
	other := <-routers
	if other.err == nil {
		return other.record, nil
	}
	// That one has not answered matters more than that the other said no.
	if errors.Is(err, &control.Error{Code: control.NotFound}) {
		return record, other.err
	}
	return record, err
}

// TraceLookUp asks as LookUp does, and for how that went: of two lookups only that of the one
// that has brought the entry, or both where neither has.
func TraceLookUp(ctx context.Context, router *client.Client, kind string, hash i2p.Hash, timeout time.Duration) ([]control.Trace, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout+time.Second)
	defer cancel()
	kinds := []string{kind}
	if kind == "" {
		kinds = []string{control.KindLeaseSet, control.KindRouterInfo}
	}
	type answer struct {
		trace control.Trace
		err   error
	}
	answers := make(chan answer, len(kinds))
	for _, kind := range kinds {
		go func() {
			t, err := router.Trace(ctx, control.Lookup{Kind: kind, Hash: hash.String(), TimeoutMillis: timeout.Milliseconds()})
			answers <- answer{t, err}
		}()
	}
	var all []control.Trace
	for range kinds {
		a := <-answers
		if a.err != nil {
			return nil, a.err
		}
		if a.trace.Error == nil {
			return []control.Trace{a.trace}, nil
		}
		all = append(all, a.trace)
	}
	slices.SortFunc(all, func(a, b control.Trace) int { return cmp.Compare(a.Kind, b.Kind) })
	return all, nil
}

// FailureOf is the error that traces tell of: nil where one of them has the entry, else what
// LookUp returns.
func FailureOf(traces []control.Trace) (failure error) {
	for _, t := range traces {
		switch {
		case t.Error == nil:
			return nil
		case failure == nil || errors.Is(failure, &control.Error{Code: control.NotFound}):
			failure = t.Error
		}
	}
	return failure
}
