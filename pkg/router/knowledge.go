package router

import (
	"context"

	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
	"i2ptoolkit/pkg/netdb"
	"i2ptoolkit/pkg/routerinfo"
)

// Knowledge is what a router knows of others. Its methods may be called from
// any goroutine but the router's own; they wait for the loop, or use what is
// left once it has ended.
type Knowledge struct{ r *Router }

// Knowledge is what the router knows of others.
func (r *Router) Knowledge() Knowledge { return Knowledge{r} }

// Infos gives the RouterInfos of those that are known.
func (k Knowledge) Infos(hashes []i2p.Hash) map[i2p.Hash]*routerinfo.RouterInfo {
	infos := make(map[i2p.Hash]*routerinfo.RouterInfo, len(hashes))
	k.r.within(func() {
		for _, h := range hashes {
			if ri := k.r.db.Router(h); ri != nil {
				infos[h] = ri
			}
		}
	})
	return infos
}

// Routers gives all RouterInfos in the order of their hashes.
func (k Knowledge) Routers() (out []*routerinfo.RouterInfo) {
	k.r.within(func() {
		for _, h := range k.r.db.Hashes() {
			if ri := k.r.db.Router(h); ri != nil {
				out = append(out, ri)
			}
		}
	})
	return out
}

// Proven tells which of those that are known we have reached where they say they are, and
// have served.
func (k Knowledge) Proven() map[i2p.Hash]bool {
	proven := make(map[i2p.Hash]bool)
	k.r.within(func() {
		for i := range k.r.db.Len() {
			if s := k.r.db.At(i); k.r.peers.Proven(s) {
				proven[s.Hash] = true
			}
		}
	})
	return proven
}

// Known tells which of some routers are known.
func (k Knowledge) Known(hashes []i2p.Hash) map[i2p.Hash]bool {
	known := make(map[i2p.Hash]bool)
	k.r.within(func() {
		for _, h := range hashes {
			if k.r.db.Has(h) {
				known[h] = true
			}
		}
	})
	return known
}

// Drain gives up to limit RouterInfos that changed since they were last
// written, and the routers whose files are to be deleted. What it returns is
// forgotten: the caller writes, and gives to Undrain what failed.
func (k Knowledge) Drain(limit int) (write []netdb.File, remove []i2p.Hash) {
	k.r.within(func() { write, remove = k.r.db.Drain(limit) })
	return write, remove
}

// Undrain has Drain give once more what is known by then of routers whose files could not be
// written or deleted.
func (k Knowledge) Undrain(routers []i2p.Hash) {
	if len(routers) > 0 {
		k.r.within(func() { k.r.db.Undrain(routers) })
	}
}

// Profiles gives what was learnt about peers, as profile.Parse reads it.
func (k Knowledge) Profiles() (b []byte) {
	k.r.within(func() { b = k.r.peers.AppendTo(nil, k.r.cfg.Now()) })
	return b
}

// Serve asks, when it is its turn, whether we are a floodfill from now on.
func (k Knowledge) Serve(floodfill func() bool) { k.r.within(func() { k.r.db.Serve(floodfill()) }) }

// Lookup looks a router or a lease set up for the router itself, and returns
// how it went: until then, where ctx ends before.
func (k Knowledge) Lookup(ctx context.Context, hash i2p.Hash, kind i2np.LookupKind) (netdb.Result, error) {
	return k.LookupElsewhere(ctx, hash, kind, nil)
}

// LookupElsewhere is Lookup that asks none of some floodfills.
func (k Knowledge) LookupElsewhere(ctx context.Context, hash i2p.Hash, kind i2np.LookupKind, but []i2p.Hash) (netdb.Result, error) {
	results := make(chan netdb.Result, 1)
	r := k.r
	var id netdb.LookupID // the loop's
	if !r.in.Call(func() {
		var out netdb.Out
		id, out = r.parties.self.segment.LookUpElsewhere(r.mail.now, hash, kind, but)
		r.mail.await(r.parties.self, id, out, func(res netdb.Result) { results <- res })
	}) {
		return netdb.Result{}, ErrStopped
	}
	select {
	case res := <-results:
		return res, res.Err
	case <-ctx.Done():
		var res netdb.Result
		r.within(func() { res, _ = r.parties.self.segment.Progress(r.mail.now, id) })
		res.Err = context.Cause(ctx)
		return res, res.Err
	}
}

// Deposit is an entry of somebody else to be stored, of one of the two kinds.
type Deposit struct {
	RouterInfo *routerinfo.RouterInfo
	LeaseSet   leaseset.Record
	Copies     int // floodfills that are to confirm it
}

// Deposit stores an entry once that is not ours, through the router's own tunnels.
func (k Knowledge) Deposit(ctx context.Context, e Deposit) (netdb.Deposited, error) {
	results := make(chan netdb.Deposited, 1)
	if !k.r.in.Call(func() { k.r.mail.deposit(e, func(d netdb.Deposited) { results <- d }) }) {
		return netdb.Deposited{}, ErrStopped
	}
	select {
	case d := <-results:
		return d, d.Err
	case <-ctx.Done():
		return netdb.Deposited{}, context.Cause(ctx)
	}
}

// Learn takes a RouterInfo that came otherwise than as a message; it does not
// wait.
func (k Knowledge) Learn(ri *routerinfo.RouterInfo, src netdb.Source) {
	k.r.in.Call(func() { k.r.mail.learn(ri, src) })
}
