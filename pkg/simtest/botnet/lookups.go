package botnet

import (
	"slices"
	"time"

	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/routerinfo"
)

// modelLookup asks one floodfill after the other.
type modelLookup struct {
	key   i2p.Hash
	kind  i2np.LookupKind
	asked []i2p.Hash
	at    time.Time
	done  func(found bool)
}

const (
	modelPatience = 1500 * time.Millisecond // until the next floodfill is asked
	modelAsks     = 5
	modelLookups  = 200 // at once
)

// lookUp begins a lookup.
func (m *model) lookUp(key i2p.Hash, kind i2np.LookupKind, done func(found bool)) {
	if len(m.lookups) >= modelLookups || slices.ContainsFunc(m.lookups, func(l *modelLookup) bool { return l.key == key }) {
		if done != nil {
			done(false)
		}
		return
	}
	m.lookups = append(m.lookups, &modelLookup{key: key, kind: kind, done: done})
}

// exploreEvery is within i2pd's 55 to 225 seconds, and what the naive one does.
const exploreEvery = time.Minute

func (m *model) tickLookups(now time.Time) {
	if !now.Before(m.explore) {
		m.explore = now.Add(m.rand.Between(exploreEvery, 2*exploreEvery))
		var key i2p.Hash
		m.rand.Fill(key[:])
		m.lookUp(key, i2np.LookupExploration, nil)
	}
	for _, l := range slices.Clone(m.lookups) {
		if now.Sub(l.at) < modelPatience {
			continue
		}
		most := modelAsks
		if l.kind == i2np.LookupExploration {
			most = 1
		}
		var to *routerinfo.RouterInfo
		if len(l.asked) < most {
			to = m.rules.floodfill(now, l.key, l.asked)
		}
		if to == nil {
			m.close(l, false)
			continue
		}
		q := i2np.DatabaseLookup{Key: l.key, From: m.port.Self(), Kind: l.kind, Exclude: l.asked}
		l.asked, l.at = append(l.asked, to.Hash()), now
		m.port.Send(to, m.message(now, i2np.DatabaseLookupType, q.AppendTo(nil)))
	}
}

func (m *model) close(l *modelLookup, found bool) {
	m.lookups = slices.DeleteFunc(m.lookups, func(o *modelLookup) bool { return o == l })
	if l.done != nil {
		l.done(found)
	}
}

// answered takes the answer to a lookup: an entry, or names to be looked up.
func (m *model) answered(now time.Time, msg i2np.Message) {
	if msg.Type == i2np.DatabaseStoreType {
		s, err := i2np.ParseDatabaseStore(msg.Body)
		if err != nil || s.Type != i2np.StoreRouterInfo {
			return
		}
		raw, err := i2np.DecompressRouterInfo(s.Data, routerinfo.MaxLen)
		if err != nil {
			return
		}
		if ri, err := routerinfo.Parse(raw); err == nil && ri.Hash() == s.Key {
			m.rules.learn(now, ri)
			for _, l := range slices.Clone(m.lookups) {
				if l.key == s.Key {
					m.close(l, true)
				}
			}
		}
		return
	}
	r, err := i2np.ParseDatabaseSearchReply(msg.Body)
	if err != nil {
		return
	}
	for _, l := range slices.Clone(m.lookups) {
		if l.key != r.Key || !slices.Contains(l.asked, r.From) {
			continue
		}
		l.at = time.Time{} // the next is asked at once
		for _, h := range r.Peers[:min(len(r.Peers), 16)] {
			if m.rules.find(h) == nil {
				m.lookUp(h, i2np.LookupRouterInfo, nil)
			}
		}
	}
}
