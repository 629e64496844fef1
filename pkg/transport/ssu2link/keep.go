package ssu2link

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"time"

	"i2ptoolkit/pkg/ssu2"
	"i2ptoolkit/pkg/ssu2/session"
)

// How often what is to outlive a router that is killed is handed out, where there is anything else than before:
// of a router that has just begun soon.
const (
	keepFirst = 5 * time.Second
	keepEvery = 30 * time.Second
)

// remember hands out what the sockets have, until ctx ends.
func (d *Driver) remember(ctx context.Context) {
	if d.cfg.KeepTokens == nil && d.cfg.KeepFarewells == nil {
		return
	}
	pause := keepFirst
	timer := time.NewTimer(pause)
	defer timer.Stop()
	before := uint64(0)
	var said []byte
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		var tokens []byte
		changes := uint64(0)
		var farewells []byte
		for _, s := range d.sockets {
			s.box.Do(func() {
				t := s.endpoint.Tokens()
				changes += t.Changes()
				tokens = t.AppendFile(tokens)
				farewells = s.appendFarewells(farewells)
			})
		}
		if ctx.Err() != nil {
			return
		}
		if d.cfg.KeepTokens != nil && changes != before {
			before = changes
			d.cfg.KeepTokens(tokens)
		}
		if d.cfg.KeepFarewells != nil && !bytes.Equal(farewells, said) {
			said = farewells
			d.cfg.KeepFarewells(append(noFarewells(d.host.Now()), farewells...))
		}
		pause = min(2*pause, keepEvery)
		timer.Reset(pause)
	}
}

// keepLast hands out what the sockets have, whose loops have ended. Farewells are kept of sessions whose end was told,
// too: i2pd keeps them for up to 28 s all the same, and what it has for a router that is back by then goes over them.
func (d *Driver) keepLast() {
	if d.cfg.KeepTokens != nil {
		var stores []*ssu2.Tokens
		for _, s := range d.sockets {
			stores = append(stores, s.endpoint.Tokens())
		}
		d.cfg.KeepTokens(ssu2.TokensFile(stores...))
	}
	if d.cfg.KeepFarewells != nil {
		farewells := noFarewells(d.host.Now())
		for _, s := range d.sockets {
			farewells = append(farewells, s.parting...)
		}
		d.cfg.KeepFarewells(farewells)
	}
}

// The file of farewells:
//
//	0   8 bytes  "SSU2bye1"
//	8   8 bytes  seconds since 1970 at which it was written
//	16  entries: IP as IPv6, port, length (1 byte), a datagram; big-endian
//
// A datagram is sealed, and good for the end of one session and nothing else.
const (
	farewellMagic = "SSU2bye1"
	farewellHead  = 16 + 2 + 1
	farewellLife  = 6 * time.Hour // later nobody has such a session
)

// noFarewells is the file without any.
func noFarewells(now time.Time) []byte {
	return binary.BigEndian.AppendUint64([]byte(farewellMagic), uint64(now.Unix()))
}

// appendFarewells appends those of the sessions whose end the peer has not told.
func (s *socket) appendFarewells(file []byte) []byte {
	now := time.Now()
	for _, id := range slices.Sorted(maps.Keys(s.links)) { // the same order each time, to be compared
		l := s.links[id]
		var why *ssu2.TerminationError
		if errors.As(l.s.Ended(), &why) && why.Remote {
			continue
		}
		to, word := l.s.State(now).Remote, l.s.LastWord()
		ip := to.Addr().As16()
		file = append(file, ip[:]...)
		file = binary.BigEndian.AppendUint16(file, to.Port())
		file = append(append(file, byte(len(word))), word...)
	}
	return file
}

// farewell is what is to be said to somebody.
type farewell struct {
	to       netip.AddrPort
	datagram []byte
}

// parseFarewells reads the file; of one that is none, or old, nothing is said.
func parseFarewells(file []byte, now time.Time) (all []farewell, err error) {
	bad := fmt.Errorf("ssu2: %d bytes are no file of farewells", len(file))
	b, ok := bytes.CutPrefix(file, []byte(farewellMagic))
	if !ok || len(b) < 8 {
		return nil, bad
	}
	old := now.Sub(time.Unix(int64(binary.BigEndian.Uint64(b)), 0)) > farewellLife
	for b = b[8:]; len(b) > 0; {
		if len(b) < farewellHead || len(b)-farewellHead < int(b[18]) || b[18] < ssu2.MinPacket || b[18] > session.MostLastWord {
			return nil, bad
		}
		to := netip.AddrPortFrom(netip.AddrFrom16([16]byte(b)).Unmap(), binary.BigEndian.Uint16(b[16:]))
		n := farewellHead + int(b[18])
		all = append(all, farewell{to, b[farewellHead:n]})
		b = b[n:]
	}
	if old {
		return nil, nil
	}
	return all, nil
}

// farewellsAtOnce are said before a pause of farewellPause: a router that starts does not fill its line with them.
const (
	farewellsAtOnce = 32
	farewellPause   = 5 * time.Millisecond
)

// sayFarewells tells peers of the run before that its sessions are no more.
func (d *Driver) sayFarewells() {
	if len(d.cfg.Farewells) == 0 {
		return
	}
	all, err := parseFarewells(d.cfg.Farewells, d.host.Now())
	if err != nil {
		d.host.Log.Warn("farewells not read", "error", err)
	}
	for i, f := range all {
		s := d.socketFor(f.to.Addr())
		if s == nil || !d.host.MayDial(f.to.Addr()) {
			continue
		}
		if d.desk != nil {
			d.desk.sentTo(f.to.Addr())
		}
		s.box.Call(func() { s.write(ssu2.Datagram{To: f.to, Data: f.datagram}) })
		if i%farewellsAtOnce == farewellsAtOnce-1 {
			time.Sleep(farewellPause)
		}
	}
}
