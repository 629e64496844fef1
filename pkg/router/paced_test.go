package router

import (
	"slices"
	"testing"

	"i2ptoolkit/pkg/i2p"
)

// TestPaced: who has more to send is told once the peer has room, whatever others wait for, and in any case at the end.
func TestPaced(t *testing.T) {
	a, b := i2p.Hash{1}, i2p.Hash{2}
	waits := map[i2p.Hash]int{a: pacedRoom, b: pacedRoom - 1}
	p := paced{waiting: func(peer i2p.Hash) int { return waits[peer] }}
	var told []string
	note := func(who string) func() { return func() { told = append(told, who) } }
	p.await(a, note("a"))
	p.await(b, note("b"))
	p.await(a, note("another a"))
	if !p.look() || !slices.Equal(told, []string{"b"}) {
		t.Errorf("told %v", told)
	}
	waits[a] = 0
	if p.look() || !slices.Equal(told, []string{"b", "a", "another a"}) {
		t.Errorf("told %v", told)
	}
	waits[a] = pacedRoom
	p.await(a, note("the last"))
	if p.end(); len(told) != 4 || p.look() {
		t.Errorf("told %v", told)
	}
}
