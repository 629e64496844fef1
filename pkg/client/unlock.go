package client

import (
	"slices"
	"time"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
)

// maxUnlocked bounds the encrypted lease sets that the owner of a destination has said how to open.
const maxUnlocked = 256

// unlocked are what opens encrypted lease sets, as the owner said, in the order in which that was said.
type unlocked []unlock

type unlock struct {
	leaseset.Reader
	hash i2p.Hash // of the destination, where that is known
}

// Unlock says what opens the lease sets behind an address, beside what the options say for all. Where the hash of
// its destination is told as well, that is found by it too.
func (c *Client) Unlock(by leaseset.Reader, hash i2p.Hash) {
	c.post(func(now time.Time) {
		c.others.unlocked.add(unlock{by, hash})
		if hash.IsZero() {
			return
		}
		if r := c.remote(now, hash); r != nil {
			r.reader = &by
		}
	})
}

func (u *unlocked) add(x unlock) {
	*u = slices.DeleteFunc(*u, func(y unlock) bool { return y.opens(x.Address) })
	if len(*u) >= maxUnlocked {
		*u = slices.Delete(*u, 0, 1)
	}
	*u = append(*u, x)
}

// opens tells whether it is for an address, whatever that says to be needed.
func (u unlock) opens(a i2p.BlindedAddress) bool {
	return u.Address.Key.Type() == a.Key.Type() && slices.Equal(u.Address.Key.Bytes(), a.Key.Bytes())
}

// of is what opens the lease sets behind an address: what was said for it, or for all.
func (u unlocked) of(a i2p.BlindedAddress, all leaseset.Reader) leaseset.Reader {
	for _, x := range u {
		if x.opens(a) {
			return x.Reader
		}
	}
	return all
}

// ofHash is what opens the lease sets of a destination; nil where nothing was said.
func (u unlocked) ofHash(hash i2p.Hash) *leaseset.Reader {
	for i := range u {
		if u[i].hash == hash {
			by := u[i].Reader
			return &by
		}
	}
	return nil
}
