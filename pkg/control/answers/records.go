package answers

import (
	"context"
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
	{netdb.ErrNoAnswer, control.Timeout},
	{netdb.ErrNoFloodfills, control.Unreachable},
	{netdb.ErrUnsent, control.Unreachable},
	{netdb.ErrBusy, control.Busy},
	{router.ErrStopped, control.Stopping},
	{context.DeadlineExceeded, control.Timeout},
}

// Lookup asks the network for a record.
func (a *Answers) Lookup(ctx context.Context, kind string, hash i2p.Hash) (control.Record, error) {
	switch kind {
	case control.KindRouterInfo:
		res, err := a.cfg.Router.Knowledge().Lookup(ctx, hash, i2np.LookupRouterInfo)
		if err != nil {
			return control.Record{}, lookupCodes.Explain(fmt.Errorf("router %s: %w", hash, err))
		}
		return routerRecord(res.RouterInfo), nil
	case control.KindLeaseSet:
		res, err := a.cfg.Router.Knowledge().Lookup(ctx, hash, i2np.LookupLeaseSet)
		if err != nil {
			return control.Record{}, lookupCodes.Explain(fmt.Errorf("lease set %s: %w", hash, err))
		}
		return control.Record{
			Kind: kind, Hash: hash.String(), StoreType: res.LeaseSet.StoreType(), Data: res.LeaseSet.Bytes(),
		}, nil
	}
	return control.Record{}, control.Errorf(control.BadRequest, "%q is no kind of record: %s and %s are", kind, control.KindRouterInfo, control.KindLeaseSet)
}
