package answers

import (
	"context"

	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/routerinfo"
)

// NetDB lists what is stored of one kind.
func (a *Answers) NetDB(kind string) []control.Record {
	var out []control.Record
	if kind != control.KindRouterInfo {
		return out
	}
	for _, ri := range a.cfg.Router.Knowledge().Routers() {
		out = append(out, routerRecord(ri))
	}
	return out
}

func routerRecord(ri *routerinfo.RouterInfo) control.Record {
	return control.Record{Kind: control.KindRouterInfo, Hash: ri.Hash().String(), StoreType: i2np.StoreRouterInfo, Data: ri.Bytes()}
}

// Lookup asks the network for a record.
func (a *Answers) Lookup(ctx context.Context, kind string, hash i2p.Hash) (control.Record, error) {
	switch kind {
	case control.KindRouterInfo:
		res, err := a.cfg.Router.Knowledge().Lookup(ctx, hash, i2np.LookupRouterInfo)
		if err != nil {
			return control.Record{}, Explain(wrapf(err, "router %s", hash))
		}
		return routerRecord(res.RouterInfo), nil
	case control.KindLeaseSet:
		res, err := a.cfg.Router.Knowledge().Lookup(ctx, hash, i2np.LookupLeaseSet)
		if err != nil {
			return control.Record{}, Explain(wrapf(err, "lease set %s", hash))
		}
		return control.Record{
			Kind: kind, Hash: hash.String(), StoreType: res.LeaseSet.StoreType(), Data: res.LeaseSet.Bytes(),
		}, nil
	}
	return control.Record{}, control.Errorf(control.BadRequest, "%q is no kind of record: %s and %s are", kind, control.KindRouterInfo, control.KindLeaseSet)
}
