package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
	"i2ptoolkit/pkg/netdb"
)

// Lookup finds the lease set of a destination, in the netDb where it must. As
// one that was opened just now may be on its way to the floodfills yet, it
// asks several times before it says that there is none. A hash that nobody can
// ever have is not asked for.
func (c *Client) Lookup(ctx context.Context, hash i2p.Hash) (leaseset.Set, error) {
	if hash == (i2p.Hash{}) {
		return nil, fmt.Errorf("lease set of %s: %w", hash.B32(), netdb.ErrNobodys)
	}
	return c.lookUp(ctx, hash.B32(), func(ctx context.Context) (leaseset.Set, error) {
		return c.find(ctx, func(now time.Time) (leaseset.Set, *leaseset.Reader, i2p.Hash) {
			if r := c.remotes[hash]; r != nil {
				return c.known(now, hash), r.reader, hash
			}
			return c.known(now, hash), nil, hash
		})
	})
}

// LookupBlinded finds the lease set behind the address of an encrypted one, and opens it with the
// secret and the key of the destination's options. ErrLocked tells that these do not open it.
func (c *Client) LookupBlinded(ctx context.Context, a i2p.BlindedAddress) (leaseset.Set, error) {
	name, err := a.B33()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrLocked, err)
	}
	return c.lookUp(ctx, name, func(ctx context.Context) (leaseset.Set, error) {
		return c.find(ctx, func(now time.Time) (leaseset.Set, *leaseset.Reader, i2p.Hash) {
			reader := c.unlocked.of(a, c.cfg.Options.Blinding.Reader(a))
			return c.others.read(now, reader), &reader, i2p.Hash{}
		})
	})
}

// lookUp finds a lease set, and tries again where it could not.
func (c *Client) lookUp(ctx context.Context, name string, find func(context.Context) (leaseset.Set, error)) (leaseset.Set, error) {
	start := c.cfg.Now()
	retired := c.gates.done(c.gates.retired)
	for attempt := 1; ; attempt++ {
		set, err := find(ctx)
		if err == nil || errors.Is(err, ErrEncryption) || errors.Is(err, ErrLeaseSetKind) || errors.Is(err, ErrLocked) {
			return set, err
		}
		err = fmt.Errorf("lease set of %s: %w", name, err)
		if ctx.Err() != nil || (attempt >= lookupAttempts && c.cfg.Now().Sub(start) >= lookupPatience) {
			return nil, err
		}
		select {
		case <-time.After(lookupRetry):
		case <-retired:
			return nil, err
		case <-c.ended:
			return nil, ErrClosed
		case <-ctx.Done():
			return nil, err
		}
	}
}

// endsSoon reports whether a lease set is one that takes another back.
func endsSoon(set leaseset.Set, now time.Time) bool {
	return set.Expires() <= i2p.DateOf(now.Add(withdrawnLife))
}

// How often a lease set is looked up, and how long, before there is none: its
// owner waits some seconds for a floodfill's confirmation before it stores the
// set at another one.
const (
	lookupAttempts = 3
	lookupPatience = 10 * time.Second
	lookupRetry    = time.Second
)

// find takes the lease set that is known, or else runs one lookup. What there is to find is said in the
// destination's loop: the set that is known, what opens it where it is encrypted, and whose it is.
func (c *Client) find(ctx context.Context, what func(time.Time) (leaseset.Set, *leaseset.Reader, i2p.Hash)) (leaseset.Set, error) {
	type answer struct {
		set leaseset.Set
		err error
	}
	done := make(chan answer, 1)
	tell := func(now time.Time, set leaseset.Set, err error) {
		if err == nil && endsSoon(set, now) {
			err = ErrTakenBack
		}
		if err == nil {
			err = c.voice.speaks(set)
		}
		done <- answer{set, err}
	}
	c.post(func(now time.Time) {
		known, reader, hash := what(now)
		if err := lacks(reader); err != nil {
			tell(now, nil, err)
			return
		}
		if known != nil {
			tell(now, known, nil)
			return
		}
		c.fetch(now, hash, reader, 0, tell)
	})
	select {
	case a := <-done:
		return a.set, a.err
	case <-c.ended:
		return nil, ErrClosed
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// lacks tells what an address says that it needs, and the reader has not got.
func lacks(r *leaseset.Reader) error {
	switch {
	case r == nil:
	case r.Address.Secret && r.Secret == "":
		return fmt.Errorf("%w: %w (i2cp.leaseSetSecret)", ErrLocked, leaseset.ErrSecretNeeded)
	case r.Address.PerClient && r.Key == nil:
		return fmt.Errorf("%w: %w (i2cp.leaseSetPrivKey)", ErrLocked, leaseset.ErrKeyNeeded)
	}
	return nil
}

// fetch finds the lease set of a destination, or, with a reader, behind the encrypted one of its
// address: in the netDb, and where that has others serve in its place, one of theirs. tell is called in
// the loop, once what was found is known.
func (l *loop) fetch(now time.Time, hash i2p.Hash, reader *leaseset.Reader, than i2p.Date, tell func(time.Time, leaseset.Set, error)) {
	if r := l.remotes[hash]; r != nil && r.stands(now) {
		l.follow(now, r.meta, func(now time.Time, set leaseset.Set, err error) {
			if err == nil {
				tell(now, set, nil)
				return
			}
			r.meta = nil // it may name others by now
			l.fetch(now, hash, reader, than, tell)
		})
		return
	}
	if reader != nil {
		day, err := reader.Address.BlindedKey(now, reader.Secret)
		if err != nil {
			tell(now, nil, fmt.Errorf("%w: %w", ErrLocked, err))
			return
		}
		hash = i2p.BlindedStoreHash(day)
	}
	l.unseal(hash, reader, than, func(now time.Time, found leaseset.Record, err error) {
		if meta, ok := found.(*leaseset.MetaLeaseSet); ok && err == nil {
			l.redirected(now, meta, reader)
			l.follow(now, meta, tell)
			return
		}
		set, err := open(found, err)
		if err == nil {
			l.learn(now, set)
			l.others.readBy(set.Hash(), reader)
			set = l.newest(set)
		}
		tell(now, set, err)
	})
}

// unseal asks the netDb, and opens what is encrypted. Where that lets in others it may be an old one, from before its
// owner let this one in, and a newer one is asked for.
func (l *loop) unseal(hash i2p.Hash, reader *leaseset.Reader, than i2p.Date, tell func(time.Time, leaseset.Record, error)) {
	l.inquire(hash, than, func(now time.Time, found leaseset.Record, err error) {
		sealed, ok := found.(*leaseset.EncryptedLeaseSet)
		if !ok || err != nil || reader == nil {
			tell(now, found, err)
			return
		}
		found, err = sealed.Open(*reader, now)
		switch {
		case err == nil:
		case sealed.Published() > than && (errors.Is(err, leaseset.ErrNotAdmitted) || errors.Is(err, leaseset.ErrKeyNeeded)):
			l.unseal(hash, reader, sealed.Published(), tell)
			return
		default:
			err = fmt.Errorf("%w: %w", ErrLocked, err)
		}
		tell(now, found, err)
	})
}

// inquire asks the netDb. tell is called in the loop.
func (l *loop) inquire(hash i2p.Hash, than i2p.Date, tell func(time.Time, leaseset.Record, error)) {
	l.tunnels.LookupLeaseSet(hash, than, func(found leaseset.Record, err error) {
		l.post(func(now time.Time) { tell(now, found, err) })
	})
}

// open takes what a lookup found for a lease set to send by.
func open(found leaseset.Record, err error) (leaseset.Set, error) {
	if err != nil {
		return nil, err
	}
	switch set := found.(type) {
	case leaseset.Set:
		return set, nil
	case *leaseset.EncryptedLeaseSet:
		return nil, fmt.Errorf("%w: it is encrypted, and found by its b33 address only", ErrLeaseSetKind)
	case *leaseset.MetaLeaseSet:
		return nil, fmt.Errorf("%w: it names others that serve in its place", ErrLeaseSetKind)
	}
	return nil, ErrLeaseSetKind
}

// known is a lease set that need not be looked up; nil where there is none.
func (l *loop) known(now time.Time, hash i2p.Hash) leaseset.Set {
	if hash == l.own.hash && l.own.set != nil {
		return l.own.set
	}
	return l.others.lasting(now, l.behind(now, hash))
}
