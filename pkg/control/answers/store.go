package answers

import (
	"context"
	"fmt"
	"time"

	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
	"i2ptoolkit/pkg/netdb"
	"i2ptoolkit/pkg/router"
	"i2ptoolkit/pkg/routerinfo"
)

// How long floodfills are given to pass an entry on, before others are asked for it, and how often
// those are asked.
const (
	floodTime = 2 * time.Second
	checks    = 3
)

// Store has an entry stored that is not the router's own, and asks others for it then. An
// error says what is wrong with the entry; what became of a good one the answer says.
func (a *Answers) Store(ctx context.Context, req control.Store) (control.Stored, error) {
	began := a.cfg.Now()
	e, out, err := deposit(began, req)
	if err != nil {
		return control.Stored{}, err
	}
	key, err := i2p.ParseHash(out.Hash)
	if err != nil {
		return control.Stored{}, err
	}
	out.RoutingKey, out.Sent = netdb.RoutingKey(key, began).String(), []control.Step{}
	done, err := a.cfg.Router.Knowledge().Deposit(ctx, e)
	for _, s := range done.Trace {
		out.Sent = append(out.Sent, stepOfStore(key, began, s))
	}
	if out.Taken = len(done.At); out.Taken == 0 {
		out.TookMillis = a.cfg.Now().Sub(began).Milliseconds()
		out.Error = failedTrace(control.Trace{}, lookupCodes.Explain(err)).Error
		return out, nil
	}
	t := a.check(ctx, out.Kind, key, done.At)
	out.Check, out.TookMillis = &t, a.cfg.Now().Sub(began).Milliseconds()
	return out, nil
}

// check looks an entry up at other floodfills than those that have taken it.
func (a *Answers) check(ctx context.Context, kind string, key i2p.Hash, but []i2p.Hash) (t control.Trace) {
	for range checks {
		select {
		case <-ctx.Done():
		case <-time.After(floodTime):
		}
		began := a.cfg.Now()
		res, err := a.cfg.Router.Knowledge().LookupElsewhere(ctx, key, kinds[kind], but)
		if err == nil && res.Stored {
			err = netdb.ErrNotFound
			res.Err = err
		}
		t = traceOf(kind, key, began, res)
		if err == nil {
			rec := found(res)
			t.Record, t.Source = &rec, control.SourceFloodfill
			return t
		}
		if t = failedTrace(t, lookupCodes.Explain(err)); ctx.Err() != nil {
			return t
		}
	}
	return t
}

// deposit reads the entry, which has to be good: floodfills would confirm a bad one, and drop it.
func deposit(now time.Time, req control.Store) (e router.Deposit, out control.Stored, err error) {
	e.Copies = req.Copies
	if req.StoreType == i2np.StoreRouterInfo {
		if e.RouterInfo, err = routerinfo.Parse(req.Data); err == nil {
			err = e.RouterInfo.Verify()
		}
		if err != nil {
			return e, out, control.Errorf(control.BadData, "RouterInfo: %v", err)
		}
		return e, control.Stored{Kind: control.KindRouterInfo, Hash: e.RouterInfo.Hash().String()}, nil
	}
	if e.LeaseSet, err = leaseset.Parse(req.StoreType, req.Data); err == nil {
		err = e.LeaseSet.Verify(now)
	}
	if err == nil && !e.LeaseSet.Expires().Time().After(now) {
		err = fmt.Errorf("it expired at %s", e.LeaseSet.Expires().Time().UTC().Format(time.DateTime))
	}
	if err != nil {
		return e, out, control.Errorf(control.BadData, "lease set: %v", err)
	}
	return e, control.Stored{Kind: control.KindLeaseSet, Hash: e.LeaseSet.Hash().String()}, nil
}

func stepOfStore(key i2p.Hash, began time.Time, a netdb.Asked) control.Step {
	s := control.Step{
		Floodfill: a.Floodfill.String(), SharedBits: netdb.SharedBits(netdb.RoutingKey(key, a.At), a.Floodfill),
		AfterMillis: a.At.Sub(began).Milliseconds(), TookMillis: a.Took.Milliseconds(), Answer: control.AnswerNone,
	}
	switch {
	case a.Unsent:
		s.Answer = control.AnswerUnsent
	case a.Answer == netdb.Gave:
		s.Answer = control.AnswerTook
	}
	return s
}
