package cli

import (
	"context"
	"errors"
	"strings"
	"time"

	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/control/client"
	"i2ptoolkit/pkg/i2p"
)

// ParseHashName reads what names a netDb entry: a b32 address, or a hash in base64. Only a
// destination has a b32 address; kind is empty where the name may be a router's too.
func ParseHashName(name string) (hash i2p.Hash, kind string, err error) {
	if strings.HasSuffix(strings.ToLower(name), ".b32.i2p") {
		hash, err = i2p.ParseB32(name)
		return hash, control.KindLeaseSet, err
	}
	hash, err = i2p.ParseHash(name)
	return hash, "", err
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
