package client

import (
	"errors"
	"testing"
	"time"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
)

// behind is a netDb whose nearest floodfill has not heard of the newest lease set.
type behind struct {
	etherTunnels
	old, newest leaseset.Record
	asked       *int
}

func (b behind) LookupLeaseSet(_ i2p.Hash, than i2p.Date, done func(leaseset.Record, error)) {
	*b.asked++
	if than < b.old.Published() {
		done(b.old, nil)
		return
	}
	done(b.newest, nil)
}

// TestUnsealNewer: an encrypted lease set that lets in others may be from before its owner let this one in: a newer
// one is looked for. Where there is none, that is told.
func TestUnsealNewer(t *testing.T) {
	pair(t, func(t *testing.T, e *ether, a, b *Client) {
		ours, theirs := [32]byte{1}, [32]byte{2}
		keys := b.cfg.Keys
		sealed := func(after time.Duration, client [32]byte) leaseset.Record {
			set, err := leaseset.Build2(leaseset.Build2Config{
				Keys: keys, EncryptionKeys: e.stored(b).EncryptionKeys(), Leases: e.stored(b).Leases(), Blinded: true,
				Published: i2p.DateOf(time.Now().Add(after - time.Minute)),
			})
			if err != nil {
				t.Fatal(err)
			}
			s, err := leaseset.Encrypt(leaseset.EncryptConfig{Keys: keys, Inner: set, Admission: leaseset.ByPSK, Clients: [][32]byte{client}})
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		old, newest := sealed(0, theirs), sealed(time.Second, ours)
		asked := 0
		a.look(func(time.Time) {
			a.cfg.Options.Blinding.Key = string(ours[:])
			a.tunnels = behind{etherTunnels{e: e}, old, old, &asked}
		})
		address := keys.Identity.Blinded()
		if _, err := a.LookupBlinded(t.Context(), address); !errors.Is(err, ErrLocked) || !errors.Is(err, leaseset.ErrNotAdmitted) || asked != 2 {
			t.Errorf("without a newer one, after %d lookups: %v", asked, err)
		}
		a.look(func(time.Time) { a.tunnels = behind{etherTunnels{e: e}, old, newest, &asked} })
		if set, err := a.LookupBlinded(t.Context(), address); err != nil || set.Hash() != b.Destination().Hash() {
			t.Errorf("with a newer one: %v", err)
		}
	})
}
