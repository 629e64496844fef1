package answers

import (
	"context"
	"errors"
	"fmt"

	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/netdb"
	"i2ptoolkit/pkg/router"
	"i2ptoolkit/pkg/routerinfo"
)

// NetDB lists what is stored of one kind.
func (a *Answers) NetDB(kind string) []control.Record {
	var out []control.Record
	if kind != control.KindRouterInfo {
		return out
	}
	knowledge := a.cfg.Router.Knowledge()
	proven := knowledge.Proven()
	for _, ri := range knowledge.Routers() {
		rec := routerRecord(ri)
		rec.Proven = proven[ri.Hash()]
		out = append(out, rec)
	}
	return out
}

func routerRecord(ri *routerinfo.RouterInfo) control.Record {
	return control.Record{Kind: control.KindRouterInfo, Hash: ri.Hash().String(), StoreType: i2np.StoreRouterInfo, Data: ri.Bytes()}
}

// lookupCodes are the codes of a lookup that failed.
var lookupCodes = control.Codes{
	{netdb.ErrNotFound, control.NotFound},
	{netdb.ErrNobodys, control.NotFound},
	{netdb.ErrNoAnswer, control.Timeout},
	{netdb.ErrNoFloodfills, control.Unreachable},
	{netdb.ErrUnsent, control.Unreachable},
	{netdb.ErrBusy, control.Busy},
	{router.ErrStopped, control.Stopping},
	{context.DeadlineExceeded, control.Timeout},
}

// kinds are what the kinds of records are to the netDb.
var kinds = map[string]i2np.LookupKind{
	control.KindRouterInfo: i2np.LookupRouterInfo,
	control.KindLeaseSet:   i2np.LookupLeaseSet,
}

// Lookup asks the network for a record.
func (a *Answers) Lookup(ctx context.Context, kind string, hash i2p.Hash) (control.Record, error) {
	res, err := a.lookup(ctx, kind, hash)
	if err != nil {
		return control.Record{}, err
	}
	return found(res), nil
}

func (a *Answers) lookup(ctx context.Context, kind string, hash i2p.Hash) (netdb.Result, error) {
	of, ok := kinds[kind]
	if !ok {
		return netdb.Result{}, control.Errorf(control.BadRequest, "%q is no kind of record: %s and %s are", kind, control.KindRouterInfo, control.KindLeaseSet)
	}
	res, err := a.cfg.Router.Knowledge().Lookup(ctx, hash, of)
	if err != nil {
		what := "router"
		if kind == control.KindLeaseSet {
			what = "lease set"
		}
		if errors.Is(err, context.DeadlineExceeded) {
			return res, control.Errorf(control.Timeout, "%s %s: timed out", what, hash)
		}
		return res, lookupCodes.Explain(fmt.Errorf("%s %s: %w", what, hash, err))
	}
	return res, nil
}

// found is the record that a lookup has brought.
func found(res netdb.Result) control.Record {
	if res.LeaseSet != nil {
		return control.Record{
			Kind: control.KindLeaseSet, Hash: res.Key.String(), StoreType: res.LeaseSet.StoreType(), Data: res.LeaseSet.Bytes(),
		}
	}
	return routerRecord(res.RouterInfo)
}
