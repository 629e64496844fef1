package i2cpserver

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"i2ptoolkit/pkg/client"
	"i2ptoolkit/pkg/elgamal"
	"i2ptoolkit/pkg/i2cp"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
	"i2ptoolkit/pkg/noise"
	"i2ptoolkit/pkg/ratchet"
)

// keeper has the lease sets of a session made by its client.
type keeper struct {
	conn    *connection
	session *session

	mu       sync.Mutex // a leaf
	opened   bool       // the client knows the session
	gone     bool       // and it has left
	want     *client.Wanted
	answer   func(client.Kept)
	asked    bool      // the client was
	last     time.Time // when it signed the one before
	earliest i2p.Date  // of the leases that it was asked for before
}

var (
	errGone      = errors.New("the client has left")
	errUnasked   = errors.New("no lease set was asked for")
	errKeyLength = errors.New("a private key of the wrong length")
	errNoneKnown = errors.New("no private key of a type that is spoken")
	errKind      = errors.New("a lease set of a kind that is not served")
)

// dateUnit is what the dates of lease sets are counted in: two of one second are not told apart.
const dateUnit = time.Second

// Keep asks the client for a lease set.
func (p *keeper) Keep(want client.Wanted, answer func(client.Kept)) {
	p.mu.Lock()
	if p.gone || want.Withdrawal {
		p.mu.Unlock()
		answer(client.Kept{Err: errGone})
		return
	}
	p.want, p.answer, p.asked = &want, answer, false
	p.mu.Unlock()
	p.ask()
}

// open lets the client be asked.
func (p *keeper) open() {
	p.mu.Lock()
	p.opened = true
	p.mu.Unlock()
	p.ask()
}

// ask asks for what is wanted, as soon as the client would date it later than the one before.
func (p *keeper) ask() {
	p.mu.Lock()
	if p.want == nil || p.asked || !p.opened || p.gone {
		p.mu.Unlock()
		return
	}
	if wait := dateUnit - p.conn.server.cfg.Now().Sub(p.last); !p.last.IsZero() && wait > 0 {
		p.mu.Unlock()
		time.AfterFunc(wait, p.ask)
		return
	}
	p.asked = true
	leases := p.later(p.want.Leases)
	p.mu.Unlock()
	p.conn.send(i2cp.RequestVariableLeaseSet{Session: p.session.id, Leases: leases})
}

// later has the first lease end later than that of the request before: what tells a LeaseSet of the first kind
// from an older one is that, as it has no date.
func (p *keeper) later(leases []leaseset.Lease) []leaseset.Lease {
	leases = slices.Clone(leases)
	first := func(a, b leaseset.Lease) int { return int(int64(a.Expires) - int64(b.Expires)) }
	if earliest := slices.MinFunc(leases, first).Expires; earliest <= p.earliest {
		for i := range leases {
			leases[i].Expires = max(leases[i].Expires, p.earliest+1)
		}
	}
	p.earliest = slices.MinFunc(leases, first).Expires
	return leases
}

// close says that the client has left.
func (p *keeper) close() {
	p.mu.Lock()
	answer := p.answer
	p.gone, p.want, p.answer = true, nil, nil
	p.mu.Unlock()
	if answer != nil {
		answer(client.Kept{Err: errGone})
	}
}

// take has what the client made serve.
func (p *keeper) take(set leaseset.Record, keys []i2cp.PrivateKey) error {
	p.mu.Lock()
	answer, asked := p.answer, p.asked
	if asked {
		p.want, p.answer, p.asked = nil, nil, false
		p.last = p.conn.server.cfg.Now()
	}
	p.mu.Unlock()
	if !asked {
		return errUnasked
	}
	kept, err := p.kept(set, keys)
	kept.Err = err
	answer(kept)
	return err
}

// kept is what the destination gets of it.
func (p *keeper) kept(set leaseset.Record, keys []i2cp.PrivateKey) (kept client.Kept, err error) {
	if sealed, ok := set.(*leaseset.EncryptedLeaseSet); ok {
		kept.Sealed = sealed
		blinding, address := p.session.asked.Blinding, p.session.dest.Blinded()
		address.Secret, address.PerClient = blinding.Secret != "", blinding.Key != ""
		reader := blinding.Reader(address)
		if set, err = sealed.Open(reader, p.conn.server.cfg.Now()); err != nil {
			return kept, err
		}
	}
	var ok bool
	if kept.Meta, ok = set.(*leaseset.MetaLeaseSet); ok { // it has no keys
		return kept, nil
	}
	if kept.Set, ok = set.(leaseset.Set); !ok {
		return kept, fmt.Errorf("%w: %d", errKind, set.StoreType())
	}
	kept.Keys, err = encryptionKeys(keys)
	return kept, err
}

// encryptionKeys are the private keys that a client gave.
func encryptionKeys(keys []i2cp.PrivateKey) (all []client.EncryptionKey, err error) {
	for _, k := range keys {
		switch {
		case k.Encryption == i2p.CryptoElGamal:
			private, err := elgamal.NewPrivateKey(k.Key)
			if err != nil {
				return nil, err
			}
			all = append(all, client.EncryptionKey{Type: k.Encryption, ElGamal: private})
		case !ratchet.Speaks(k.Encryption):
		case len(k.Key) != 32:
			return nil, fmt.Errorf("%w: %d bytes for type %v", errKeyLength, len(k.Key), k.Encryption)
		default:
			all = append(all, client.EncryptionKey{Type: k.Encryption, Pair: noise.NewKeyPair([32]byte(k.Key))})
		}
	}
	if len(all) == 0 {
		return nil, errNoneKnown
	}
	return all, nil
}

// leaseSet takes a lease set of a client's.
func (k *connection) leaseSet(id i2cp.SessionID, set leaseset.Record, keys []i2cp.PrivateKey) error {
	err := errSession
	if s := k.sessions[id]; s != nil {
		err = s.keeper.take(set, keys)
	}
	k.server.count(func(s *Stats) {
		if err == nil {
			s.LeaseSets++
		} else {
			s.LeaseSetsBad++
		}
	})
	if err != nil {
		k.server.cfg.Log.Info("lease set of an I2CP client not taken", "error", err)
	}
	return nil
}
