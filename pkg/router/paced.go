package router

import "i2ptoolkit/pkg/i2p"

// paced are those who have more to send than they have sent, and are told when the peer that it goes to has room for
// that. Tunnels drop what is too much for them, and nobody would know.
type paced struct {
	waiting func(peer i2p.Hash) int // messages, of tunnels
	dues    []due
}

// due is somebody who waits.
type due struct {
	peer   i2p.Hash
	passed func()
}

// pacedRoom is below how many messages that wait for a peer it has room for more: enough that it need not wait for those
// who wait for it, and half of what a peer's queue takes of tunnels.
const pacedRoom = 192

// await has passed called once there is room.
func (p *paced) await(peer i2p.Hash, passed func()) { p.dues = append(p.dues, due{peer, passed}) }

// look tells those who have room now, and reports whether others wait.
func (p *paced) look() (left bool) {
	if len(p.dues) == 0 {
		return false
	}
	dues := p.dues
	p.dues = p.dues[:0]
	for _, d := range dues {
		if p.waiting(d.peer) < pacedRoom {
			d.passed()
		} else {
			p.dues = append(p.dues, d)
		}
	}
	clear(dues[len(p.dues):])
	return len(p.dues) > 0
}

// end tells all.
func (p *paced) end() {
	for _, d := range p.dues {
		d.passed()
	}
	p.dues = nil
}
