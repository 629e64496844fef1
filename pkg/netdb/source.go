package netdb

import (
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/origin"
)

// Source says how a RouterInfo came to us; later ones are trusted more when
// room is short.
type Source byte

// The sources.
const (
	FromStore      Source = iota // sent or flooded to us unasked
	FromVisitor                  // from the router itself, over a session that it opened
	FromDiskTold                 // our own netDb directory: until it was written, we had only been told of it
	FromDiskSought               // our own netDb directory: we knew of it only because we had asked
	FromDisk                     // our own netDb directory, otherwise
	FromReply                    // the answer to a lookup of ours
	FromReseed                   // a signed bundle, or what the user gave
	FromSession                  // from the router itself, over a session that we opened
)

func (s Source) disk() bool { return s >= FromDiskTold && s <= FromDisk }

// unasked: it came by itself.
func (s Source) unasked() bool { return s <= FromVisitor }

func (s Source) String() string {
	if int(s) < len(sourceNames) {
		return sourceNames[s]
	}
	return "unknown"
}

var sourceNames = [...]string{"store", "visitor", "disk, told", "disk, sought", "disk", "reply", "reseed", "session"}

// sources are those that a router has come from, one bit each.
type sources uint8

func (w *sources) add(src Source) { *w |= 1 << src }

func (w sources) any(srcs ...Source) bool {
	for _, src := range srcs {
		if w&(1<<src) != 0 {
			return true
		}
	}
	return false
}

// stored: it was given to us, so it may be served.
func (w sources) stored() bool { return w.any(FromStore, FromVisitor, FromSession) }

// sought: we know of it only because we asked, perhaps for a destination to
// which alone it was named. Whom others can have us name must not depend on it.
func (w sources) sought() bool {
	return !w.any(FromStore, FromVisitor, FromDiskTold, FromDisk, FromReseed, FromSession)
}

// told: we know of it only because somebody told us, perhaps nobody but us.
// Whom a destination asks must not depend on it.
func (w sources) told() bool { return !w.any(FromDiskSought, FromDisk, FromReply, FromReseed) }

// hearsay: nobody whom we asked knows of it, and we have not met it where it says it is.
func (w sources) hearsay() bool { return w.told() && !w.any(FromSession) }

// disk is the way that the router is to come when it is read from disk again.
func (w sources) disk() Source {
	switch {
	case w.told():
		return FromDiskTold
	case w.sought():
		return FromDiskSought
	}
	return FromDisk
}

// Sender is whose session something came over. The zero Sender is nobody known.
type Sender struct {
	Peer    i2p.Hash
	Host    origin.Host // its end of the session; 0 where that is not known
	Dialled bool        // we opened the session
}

// source is how a RouterInfo comes that somebody sent us, given how where that is.
func (s Sender) source(router i2p.Hash) Source {
	switch {
	case s.Peer != router:
		return FromStore
	case s.Dialled:
		return FromSession
	}
	return FromVisitor
}

// Change says what a stored entry did.
type Change byte

// The changes.
const (
	Unchanged Change = iota // we have it, or a newer one
	Added
	Updated
)
