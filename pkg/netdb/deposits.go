package netdb

import (
	"slices"
	"time"

	"i2ptoolkit/pkg/deadline"
	"i2ptoolkit/pkg/draw"
	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
	"i2ptoolkit/pkg/routerinfo"
)

const maxDeposits = 16 // of one segment at once

// DepositID names a deposit within its segment.
type DepositID uint64

// Deposited is how a deposit went.
type Deposited struct {
	ID    DepositID
	Key   i2p.Hash
	Err   error      // ErrNoFloodfills, ErrBusy, or ErrNoAnswer where nobody has confirmed it
	Trace []Asked    // whom it was sent to, in that order: Gave is one that has confirmed it
	At    []i2p.Hash // those
}

// deposit stores an entry once that is not ours, for who has its file: at one floodfill after
// the other, until enough have confirmed it. Nobody renews it.
type deposit struct {
	id     DepositID
	entry  ownEntry
	search *search
	copies int
	token  uint32
	trail  []Asked
	at     []i2p.Hash
}

// waits tells whether the last floodfill may still confirm.
func (d *deposit) waits() bool {
	return len(d.trail) > 0 && d.trail[len(d.trail)-1].Answer == NoAnswer && !d.trail[len(d.trail)-1].Unsent
}

// deposits are those of one segment.
type deposits struct {
	witness *witness
	rand    *draw.Source
	list    []*deposit
	lastID  DepositID
}

// DepositRouterInfo stores the RouterInfo of another router at so many floodfills.
func (s *Segment) DepositRouterInfo(now time.Time, ri *routerinfo.RouterInfo, copies int) (DepositID, Out) {
	return s.deposits.start(now, ofRouterInfo(ri), copies)
}

// DepositLeaseSet stores the lease set of a destination that is not ours at so many
// floodfills.
func (s *Segment) DepositLeaseSet(now time.Time, set leaseset.Record, copies int) (DepositID, Out) {
	return s.deposits.start(now, ofLeaseSet(set), copies)
}

func (ds *deposits) start(now time.Time, e ownEntry, copies int) (DepositID, Out) {
	ds.lastID++
	d := &deposit{id: ds.lastID, entry: e, search: newSearch(ds.witness, e.key), copies: copies}
	if len(ds.list) >= maxDeposits {
		return d.id, Out{Deposited: []Deposited{{ID: d.id, Key: e.key, Err: ErrBusy}}}
	}
	d.search.exclude(e.key)
	ds.list = append(ds.list, d)
	return d.id, ds.next(now, d)
}

// next sends a deposit to another floodfill, or ends it.
func (ds *deposits) next(now time.Time, d *deposit) Out {
	var to *routerinfo.RouterInfo
	if len(d.at) < d.copies && len(d.trail) < maxStores {
		to = d.search.next(now)
	}
	if to == nil {
		return ds.end(d)
	}
	d.token = ds.rand.Nonzero32()
	d.trail = append(d.trail, Asked{Floodfill: to.Hash(), At: now})
	m := i2np.DatabaseStore{Key: d.entry.key, Type: d.entry.kind, ReplyToken: d.token, Data: d.entry.data}
	return Out{Stores: []Store{{To: to, Message: m, Foreign: true}}}
}

func (ds *deposits) end(d *deposit) Out {
	ds.list = slices.DeleteFunc(ds.list, func(o *deposit) bool { return o == d })
	done := Deposited{ID: d.id, Key: d.entry.key, Trace: d.trail, At: d.at}
	switch {
	case len(d.at) > 0:
	case !slices.ContainsFunc(d.trail, func(a Asked) bool { return !a.Unsent }) && len(d.trail) > 0:
		done.Err = ErrUnsent
	case len(d.trail) == 0:
		done.Err = ErrNoFloodfills
	default:
		done.Err = ErrNoAnswer
	}
	return Out{Deposited: []Deposited{done}}
}

// confirmed takes the message ID of a DeliveryStatus.
func (ds *deposits) confirmed(now time.Time, id uint32) Out {
	for _, d := range ds.list {
		if d.token != id || !d.waits() {
			continue
		}
		a := &d.trail[len(d.trail)-1]
		a.Answer, a.Took = Gave, now.Sub(a.At)
		d.at = append(d.at, a.Floodfill)
		ds.witness.queried(now, a.Floodfill, true)
		return ds.next(now, d)
	}
	return Out{}
}

// unsent has another floodfill tried in place of one that could not be.
func (ds *deposits) unsent(now time.Time, token uint32) Out {
	for _, d := range ds.list {
		if d.token == token && d.waits() {
			d.trail[len(d.trail)-1].Unsent = true
			return ds.next(now, d)
		}
	}
	return Out{}
}

func (ds *deposits) tick(now time.Time) (out Out) {
	for _, d := range slices.Clone(ds.list) {
		if a := d.trail[len(d.trail)-1]; !now.Before(a.At.Add(confirmPatience)) {
			ds.witness.queried(now, a.Floodfill, false)
			out.add(ds.next(now, d))
		}
	}
	return out
}

// deadline is when tick has something to do; zero for never.
func (ds *deposits) deadline() (at time.Time) {
	for _, d := range ds.list {
		at = deadline.Earliest(at, d.trail[len(d.trail)-1].At.Add(confirmPatience))
	}
	return at
}
