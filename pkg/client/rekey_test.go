package client

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
	"i2ptoolkit/pkg/options"
	"i2ptoolkit/pkg/sign"
)

// transient are a destination's keys with another transient one.
func transient(t *testing.T, keys *i2p.PrivateKeys, lasts time.Duration) *i2p.PrivateKeys {
	t.Helper()
	off, err := keys.NewOfflineKeys(sign.EdDSA_SHA512_Ed25519, uint32(time.Now().Add(lasts).Unix()), nil)
	if err != nil {
		t.Fatal(err)
	}
	return off
}

// TestRekey: a destination goes on with another transient key: its lease set is signed by that one, streams
// go on at once, and who has the old lease set yet reaches it all the same.
func TestRekey(t *testing.T) {
	pair(t, func(t *testing.T, e *ether, a, b *Client) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		proper := b.cfg.Keys
		if err := b.Rekey(transient(t, proper, time.Hour)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		out, in := connected(t, ctx, a, b)
		defer out.Close()
		defer in.Close()
		said := func(what string, w io.Writer, r io.Reader) {
			t.Helper()
			begun := time.Now()
			if _, err := io.WriteString(w, what); err != nil {
				t.Error(err)
			}
			got := make([]byte, len(what))
			if _, err := io.ReadFull(r, got); err != nil || string(got) != what {
				t.Errorf("%q: %q, %v", what, got, err)
			}
			if took := time.Since(begun); took > 500*time.Millisecond {
				t.Errorf("%q took %v", what, took)
			}
		}
		said("before", out, in)
		said("before, back", in, out)
		before := e.stored(b).(*leaseset.LeaseSet2)

		next := transient(t, proper, 2*time.Hour)
		if err := b.Rekey(next); err != nil {
			t.Fatal(err)
		}
		said("at once", out, in)
		time.Sleep(100 * time.Millisecond)
		said("at once, back", in, out)
		after := e.stored(b).(*leaseset.LeaseSet2)
		if after.Offline().Transient != next.Offline.Transient || string(after.EncryptionKeys()[0].Key) == string(before.EncryptionKeys()[0].Key) {
			t.Error("the lease set is the old key's")
		}
		e.mu.Lock()
		e.sets[after.Hash()] = before // as it is at a floodfill that has not heard
		e.mu.Unlock()
		late := e.newClient(t, 9, options.Default())
		go late.Run(ctx)
		if err := late.Ready(ctx); err != nil {
			t.Fatal(err)
		}
		echo(t, late, b, 100_000)
		e.mu.Lock()
		e.sets[after.Hash()] = after
		e.mu.Unlock()
		for i := range byte(3) {
			time.Sleep(formerLife / 2)
			e.move(a, i2p.HashOf([]byte{'a', i}))
			e.move(b, i2p.HashOf([]byte{'b', i}))
		}
		time.Sleep(time.Second)
		said("later", out, in)
		said("later, back", in, out)
		if b.Stats().Sessions.NewOpened < 2 {
			t.Error("what the former sessions counted is lost")
		}
		cancel()
	})
}

// TestRekeyRefused: keys of another destination, and such as have expired, change nothing.
func TestRekeyRefused(t *testing.T) {
	pair(t, func(t *testing.T, e *ether, a, b *Client) {
		set := e.stored(b).Published()
		for what, keys := range map[string]*i2p.PrivateKeys{"another's": a.cfg.Keys, "expired": transient(t, b.cfg.Keys, 0)} {
			if err := b.Rekey(keys); !errors.Is(err, ErrOtherKeys) {
				t.Errorf("%s: %v", what, err)
			}
		}
		time.Sleep(time.Second)
		if e.stored(b).Published() != set {
			t.Error("the lease set was made anew")
		}
	})
}
