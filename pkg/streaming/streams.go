package streaming

import (
	"cmp"
	"maps"
	"slices"
)

// streams are those of a Mux, the lingering ones included.
type streams struct {
	byID   map[uint32]*Conn   // ours
	remote map[uint32][]*Conn // incoming ones, by the peer's id
	alive  int                // those that have not ended
}

// add takes in a stream with a fresh id.
func (s *streams) add(c *Conn) {
	s.byID[c.localID] = c
	c.peer.streams++
	s.alive++
}

// addRemote lets an incoming stream be found by its peer's id.
func (s *streams) addRemote(c *Conn) {
	s.remote[c.remoteID] = append(s.remote[c.remoteID], c)
}

// retire counts a stream no more. It may linger.
func (s *streams) retire(c *Conn) {
	c.peer.streams--
	s.alive--
}

// remove forgets a stream.
func (s *streams) remove(c *Conn) {
	delete(s.byID, c.localID)
	if !c.incoming {
		return
	}
	left := slices.DeleteFunc(s.remote[c.remoteID], func(o *Conn) bool { return o == c })
	if len(left) == 0 {
		delete(s.remote, c.remoteID)
	} else {
		s.remote[c.remoteID] = left
	}
}

// all are the streams in the order of their ids.
func (s *streams) all() []*Conn {
	return slices.SortedFunc(maps.Values(s.byID), func(a, b *Conn) int { return cmp.Compare(a.localID, b.localID) })
}
