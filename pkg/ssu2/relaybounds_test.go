package ssu2

import (
	"testing"

	"i2ptoolkit/pkg/i2p"
)

func TestTagsAreBounded(t *testing.T) {
	y := newYard(t)
	bob := y.add(2, bob4, public)
	for i := range maxTags {
		if _, ok := bob.relay.Grant(i2p.Hash{1, byte(i), byte(i >> 8)}); !ok {
			t.Fatalf("tag %d", i)
		}
	}
	if _, ok := bob.relay.Grant(i2p.Hash{2}); ok {
		t.Fatal("one more")
	}
	bob.relay.Revoke(i2p.Hash{1})
	if _, ok := bob.relay.Grant(i2p.Hash{2}); !ok {
		t.Fatal("no room after one went")
	}
}

// FuzzRelay hands blocks and messages of strangers to all roles.
func FuzzRelay(f *testing.F) {
	y, alice, bob, charlie := trio(f, public, firewall)
	tag, _ := bob.relay.Grant(charlie.info.Hash())
	y.introduce(alice, bob, charlie, tag)
	for _, a := range []*actor{alice, bob, charlie} {
		for _, b := range a.blocks {
			f.Add(b.Block)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		block, _, err := ParseBlock(b)
		if err != nil {
			return
		}
		_, alice, bob, charlie := trio(t, public, firewall)
		for _, a := range []*actor{alice, bob, charlie} {
			for _, out := range []RelayResult{
				a.relay.HandleRequest(start, bob.info.Hash(), alice4, block.Data),
				a.relay.HandleIntro(start, bob.info.Hash(), block.Data),
				a.relay.HandleResponse(start, bob.info.Hash(), block.Data),
				a.relay.HandleHolePunch(start, &Message{From: charlie4, Payload: b}),
			} {
				if out.Dial != nil || len(out.Send) > 0 {
					t.Fatalf("%+v", out)
				}
			}
		}
	})
}
