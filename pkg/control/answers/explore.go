package answers

import (
	"context"
	"crypto/rand"
	"slices"
	"sync"
	"time"

	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/netdb"
)

// Explore has the router look for routers near random keys now, as it does from time to time,
// and waits for those that were named.
func (a *Answers) Explore(ctx context.Context, searches int) control.Explored {
	began := time.Now()
	done := control.Explored{Searches: make([]control.Search, searches)}
	var all sync.WaitGroup
	for i := range done.Searches {
		all.Go(func() { done.Searches[i] = a.search(ctx) })
	}
	all.Wait()
	learned := make(map[string]bool)
	for _, s := range done.Searches {
		for _, h := range s.Learned {
			learned[h] = true
		}
	}
	done.Learned, done.Known, done.TookMillis = len(learned), len(a.cfg.Router.Knowledge().Routers()), time.Since(began).Milliseconds()
	return done
}

// search is one exploration.
func (a *Answers) search(ctx context.Context) control.Search {
	var key i2p.Hash
	rand.Read(key[:])
	res, err := a.cfg.Router.Knowledge().Lookup(ctx, key, i2np.LookupExploration)
	t := traceOf("", key, time.Now(), res)
	s := control.Search{Key: t.Hash, Asked: t.Asked}
	if err != nil {
		s.Error = failedTrace(t, lookupCodes.Explain(err)).Error
		return s
	}
	for h, known := range a.fetched(ctx, res) {
		if known {
			s.Learned = append(s.Learned, h.String())
		} else {
			s.Lost = append(s.Lost, h.String())
		}
	}
	slices.Sort(s.Learned)
	slices.Sort(s.Lost)
	return s
}

// fetched waits for the routers that were named to an exploration, which the router looks up
// by itself.
func (a *Answers) fetched(ctx context.Context, res netdb.Result) map[i2p.Hash]bool {
	knowledge := a.cfg.Router.Knowledge()
	known := knowledge.Known(res.Routers)
	var all sync.WaitGroup
	for _, h := range res.Routers {
		if !known[h] {
			all.Go(func() { knowledge.Lookup(ctx, h, i2np.LookupRouterInfo) }) // joins that which is under way
		}
	}
	all.Wait()
	now := knowledge.Known(res.Routers)
	of := make(map[i2p.Hash]bool, len(res.Routers))
	for _, h := range res.Routers {
		of[h] = now[h]
	}
	return of
}
