package netdb

import (
	"slices"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/origin"
	"i2ptoolkit/pkg/profile"
	"i2ptoolkit/pkg/routerinfo"
)

// entry is one router, kept small: tens of thousands of these are in memory.
type entry struct {
	sum      profile.Summary
	raw      []byte // packed
	heard    int64  // Unix seconds of the last acceptance
	pos      int32
	src      Source
	came     sources
	visited  origin.Host // where it came from to us, if that is not what it publishes
	verified bool        // the signature was checked
	stored   bool        // it came to be kept and passed on, which it is once
}

// note adds a way that the router has come.
func (e *entry) note(src Source) {
	e.came.add(src)
	e.mark()
}

// mark tells those who choose hops whether it is hearsay.
func (e *entry) mark() {
	if e.sum.Flags &^= profile.Hearsay; e.came.hearsay() {
		e.sum.Flags |= profile.Hearsay
	}
}

// from judges who sent it: whoever does not come from where he says he is has told us
// no more than anybody could.
func (e *entry) from(sender origin.Host) {
	if e.src != FromVisitor || e.sum.At(sender) {
		return
	}
	if e.visited = sender; e.sum.Flags&profile.Addressed != 0 {
		e.src = FromStore
	}
}

// hosts are where a router is, as far as it says or has shown.
func (e *entry) hosts() []origin.Host {
	return append(e.sum.Hosts[:len(e.sum.Hosts):len(e.sum.Hosts)], e.visited)
}

// minFloodfillVersion is the oldest API level that a floodfill is asked at.
const minFloodfillVersion = profile.Version(0<<16 | 9<<8 | 59)

// eligible tells whether a router may be asked as a floodfill.
func (e *entry) eligible() bool {
	const want = profile.Floodfill | profile.Addressed | profile.X25519
	return e.sum.Flags&want == want && e.sum.Flags&(profile.Hidden|profile.Unreachable) == 0 &&
		e.sum.Version >= minFloodfillVersion
}

// records are the entries, found by their hash, by their place in a list, and by
// their distance from a key.
type records struct {
	of    map[i2p.Hash]*entry
	list  []*entry // in no meaning order; entry.pos is the place
	near  table
	bytes int
}

// put takes an entry in and returns the one that it replaces, if any.
func (r *records) put(e *entry) (old *entry) {
	if old = r.of[e.sum.Hash]; old != nil {
		e.pos = old.pos
		r.list[e.pos] = e
		r.bytes -= len(old.raw)
	} else {
		e.pos = int32(len(r.list))
		r.list = append(r.list, e)
	}
	r.of[e.sum.Hash] = e
	r.near.insert(e)
	r.bytes += len(e.raw)
	return old
}

func (r *records) remove(e *entry) {
	last := r.list[len(r.list)-1]
	r.list[e.pos], last.pos = last, e.pos
	r.list[len(r.list)-1] = nil
	r.list = r.list[:len(r.list)-1]
	delete(r.of, e.sum.Hash)
	r.near.remove(e.sum.Hash)
	r.bytes -= len(e.raw)
}

// heard tells whether a router is known, and not only because we were told.
func (r *records) heard(router i2p.Hash) bool {
	e := r.of[router]
	return e != nil && !e.came.told()
}

// hashes lists all, sorted.
func (r *records) hashes() []i2p.Hash {
	all := make([]i2p.Hash, 0, len(r.list))
	for _, e := range r.list {
		all = append(all, e.sum.Hash)
	}
	sortHashes(all)
	return all
}

func sortHashes(list []i2p.Hash) {
	slices.SortFunc(list, func(a, b i2p.Hash) int { return a.Compare(b) })
}

const parsedRouters = 512

// parsed are the RouterInfos used last, in parsed form.
type parsed struct {
	of   map[i2p.Hash]*routerinfo.RouterInfo
	ring []i2p.Hash // in the order in which they came
	next int
}

func (p *parsed) keep(ri *routerinfo.RouterInfo) {
	h := ri.Hash()
	if _, ok := p.of[h]; !ok {
		if len(p.ring) < parsedRouters {
			p.ring = append(p.ring, h)
		} else {
			delete(p.of, p.ring[p.next])
			p.ring[p.next] = h
			p.next = (p.next + 1) % parsedRouters
		}
	}
	p.of[h] = ri
}

func (p *parsed) drop(h i2p.Hash) { delete(p.of, h) }

// File is a RouterInfo to be written to disk.
type File struct {
	Hash   i2p.Hash
	Bytes  []byte
	Source Source // that it is to come from when it is read again
}

// unwritten is what the disk has not got yet.
type unwritten struct {
	changed map[i2p.Hash]struct{} // to be written
	removed map[i2p.Hash]struct{} // to be deleted
}

func (u *unwritten) changes(h i2p.Hash) { u.changed[h] = struct{}{} }

// returns is for a router that may have been removed before.
func (u *unwritten) returns(h i2p.Hash) { delete(u.removed, h) }

func (u *unwritten) removes(h i2p.Hash) {
	delete(u.changed, h)
	u.removed[h] = struct{}{}
}

// take gives up to limit routers to be written, and all to be deleted.
func (u *unwritten) take(limit int) (write, remove []i2p.Hash) {
	for h := range u.changed {
		write = append(write, h)
	}
	sortHashes(write)
	write = write[:min(limit, len(write))]
	for _, h := range write {
		delete(u.changed, h)
	}
	for h := range u.removed {
		remove = append(remove, h)
	}
	sortHashes(remove)
	clear(u.removed)
	return write, remove
}
