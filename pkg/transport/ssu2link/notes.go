package ssu2link

import (
	"bytes"
	"net/netip"
	"sync/atomic"
	"time"

	"i2ptoolkit/pkg/routerinfo"
	"i2ptoolkit/pkg/ssu2"
)

// note is what came from a link, or outside of any.
type note struct {
	from    *side
	at      netip.AddrPort
	block   ssu2.BlockType
	data    []byte
	info    *routerinfo.RouterInfo
	message *ssu2.Message
}

// The bounds of what may wait for the desk.
const (
	mostNotes       = 1 << 10
	mostNoteBytes   = 2 << 20
	mostNotesOfLink = 24
	mostAlien       = mostNotes / 4 // messages that come from outside of links: anybody can make them
	notesPerSecond  = 8             // of a link, on average: each may ask for a signature to be verified
	notesAtOnce     = 64
)

// waits is how many there are of whom a note comes.
func (k *desk) waits(n note) (all *atomic.Int32, most int32) {
	if n.from == nil {
		return &k.alien, mostAlien
	}
	return &n.from.notes, mostNotesOfLink
}

func (k *desk) done(n note) {
	all, _ := k.waits(n)
	all.Add(-1)
}

// post hands in a note, from a socket's loop. Of each link no more come than it needs, and of who has none no more wait
// than a part, so that none fills the desk for others.
func (k *desk) post(n note) {
	all, most := k.waits(n)
	if all.Add(1) > most || n.from != nil && !n.from.rate.Take(time.Now(), 1, notesPerSecond, notesAtOnce) {
		all.Add(-1)
		k.counts.crowded.Add(1)
		return
	}
	k.box.Post(n)
}

// blocked is the sink's: a block that is not the data phase's.
func (k *desk) blocked(s *side, b ssu2.Block, at netip.AddrPort) (ours bool) {
	switch b.Type {
	case ssu2.BlockRelayRequest, ssu2.BlockRelayIntro, ssu2.BlockRelayResponse, ssu2.BlockPeerTest,
		ssu2.BlockAddress, ssu2.BlockRelayTagRequest, ssu2.BlockRelayTag:
	default:
		return false
	}
	if s != nil {
		k.post(note{from: s, at: at, block: b.Type, data: bytes.Clone(b.Data)})
	}
	return true
}

// informed is the sink's: the RouterInfo of another than the peer.
func (k *desk) informed(s *side, info []byte) (ours bool) {
	if s == nil {
		return false
	}
	ri, err := routerinfo.Parse(info)
	if err != nil || ri.Hash() == s.hash {
		return false
	}
	if ssu2.Quick(ri) { // else nobody asks for it, and it takes long to verify
		k.post(note{from: s, info: ri})
	}
	return true
}

// outside is a message that came outside of any session. It may be anybody's.
func (k *desk) outside(m *ssu2.Message) {
	c := *m
	c.Payload = bytes.Clone(m.Payload)
	k.post(note{message: &c})
}
