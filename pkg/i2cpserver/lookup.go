package i2cpserver

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"i2ptoolkit/pkg/destinations"
	"i2ptoolkit/pkg/i2cp"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
)

const (
	maxAsking     = 256              // lookups and messages of one connection whose end is awaited
	lookupTimeout = 10 * time.Second // where the client does not say
	maxTimeout    = 2 * time.Minute
)

// slots bound what a connection has under way.
type slots struct{ taken atomic.Int32 }

func (s *slots) take() bool {
	if s.taken.Add(1) > maxAsking {
		s.taken.Add(-1)
		return false
	}
	return true
}

func (s *slots) give() { s.taken.Add(-1) }

// askerOf is who looks something up for a session: that, or the primary one; nil where there is none.
func (k *connection) askerOf(id i2cp.SessionID) Local {
	if s := k.sessions[id]; s != nil {
		return s.local
	}
	if k.primary != nil {
		return k.primary.local
	}
	return nil
}

// idler is the destination of a connection without sessions, opened for lookups alone, so that nobody can tell who
// of a router's clients asks.
func (k *connection) idler() (Local, error) {
	k.asker.Lock()
	defer k.asker.Unlock()
	if k.closed { // a lookup that was under way when the client left
		return nil, destinations.ErrClosed
	}
	if k.idle == nil {
		asked := k.server.cfg.Defaults()
		asked.Unpublished = true
		local, err := k.server.cfg.Open(k.ctx, i2p.Destination{}, nil, asked)
		if err != nil {
			return nil, err
		}
		k.idle = local
	}
	return k.idle, nil
}

// lookUp runs a lookup beside the reading of the connection.
func (k *connection) lookUp(id i2cp.SessionID, timeout time.Duration, find func(ctx context.Context, by Local), busy func() error) error {
	k.server.count(func(s *Stats) { s.Lookups++ })
	if !k.asking.take() {
		k.server.count(func(s *Stats) { s.Refused.Lookup++ })
		return busy()
	}
	if timeout <= 0 {
		timeout = lookupTimeout
	}
	by := k.askerOf(id)
	k.lookups.Go(func() {
		defer k.asking.give()
		ctx, cancel := context.WithTimeout(k.ctx, min(timeout, maxTimeout))
		defer cancel()
		find(ctx, by)
	})
	return nil
}

// hostLookup answers a HostLookup.
func (k *connection) hostLookup(m i2cp.HostLookup) error {
	reply := i2cp.HostReply{Session: m.Session, Request: m.Request, Result: i2cp.LookupFailed}
	if m.Unknown != nil || m.Kind > i2cp.LookupDestinationOptions {
		reply.Result = i2cp.LookupUnsupported
		return k.send(reply)
	}
	return k.lookUp(m.Session, m.Timeout, func(ctx context.Context, by Local) {
		to, err := k.find(ctx, by, m)
		if err != nil {
			reply.Result = lookupResult(m.Host, err)
			k.server.count(func(s *Stats) { s.Failed++ })
			k.send(reply)
			return
		}
		reply.Destination, reply.Result = to, i2cp.LookupFound
		if m.Kind.WantsOptions() {
			k.addOptions(ctx, by, &reply)
		}
		k.send(reply)
	}, func() error { return k.send(reply) })
}

// find finds the destination that is asked for.
func (k *connection) find(ctx context.Context, by Local, m i2cp.HostLookup) (i2p.Destination, error) {
	switch m.Kind {
	case i2cp.LookupDestinationOptions:
		return m.Destination, nil
	case i2cp.LookupHost, i2cp.LookupHostOptions:
		name, err := i2p.ParseName(m.Host)
		if err != nil {
			return i2p.Destination{}, err
		}
		return k.resolve(ctx, by, name)
	}
	return k.resolve(ctx, by, i2p.Name{Kind: i2p.NameAddress, Hash: m.Hash})
}

// resolve finds what a name stands for. What has to be asked of the network without a session is by a destination
// for that alone.
func (k *connection) resolve(ctx context.Context, by Local, name i2p.Name) (i2p.Destination, error) {
	if by == nil && name.Kind != i2p.NameDestination {
		var err error
		if name.Kind == i2p.NameHost { // an address book has it, or nobody
			return k.server.cfg.Named(ctx, nil, name)
		}
		if by, err = k.idler(); err != nil {
			return i2p.Destination{}, err
		}
	}
	return k.server.cfg.Named(ctx, by, name)
}

// addOptions puts the options of the lease set into a reply (proposal 167).
func (k *connection) addOptions(ctx context.Context, by Local, reply *i2cp.HostReply) {
	var err error
	if by == nil {
		by, err = k.idler()
	}
	if err == nil {
		set, lost := by.Lookup(ctx, reply.Destination.Hash())
		if err = lost; err == nil {
			reply.Options = append(i2p.Mapping{}, set.Options()...)
		}
	}
	if err != nil {
		reply.Result = i2cp.LookupNoLeaseSet
		k.server.count(func(s *Stats) { s.Failed++ })
	}
}

// lookupResult is the word for what went wrong. What is lacking for an encrypted lease set, its address says.
func lookupResult(host string, err error) i2cp.LookupResult {
	if !errors.Is(err, destinations.ErrLocked) {
		return i2cp.LookupFailed
	}
	a, _ := i2p.ParseB33(host)
	switch {
	case a.Secret && a.PerClient:
		return i2cp.LookupBothNeeded
	case a.Secret:
		return i2cp.LookupPasswordNeeded
	case a.PerClient:
		return i2cp.LookupKeyNeeded
	}
	return i2cp.LookupNotDecrypted
}

// destLookup answers a DestLookup.
func (k *connection) destLookup(m i2cp.DestLookup) error {
	none := i2cp.DestReply{Hash: m.Hash}
	return k.lookUp(i2cp.NoSession, 0, func(ctx context.Context, by Local) {
		to, err := k.resolve(ctx, by, i2p.Name{Kind: i2p.NameAddress, Hash: m.Hash})
		if err != nil {
			k.server.count(func(s *Stats) { s.Failed++ })
			k.send(none)
			return
		}
		k.send(i2cp.DestReply{Destination: to, Hash: m.Hash})
	}, func() error { return k.send(none) })
}

// blinding takes note of what opens the lease set of a destination. One that is named by what nobody here knows is
// passed over, as nothing is answered.
func (k *connection) blinding(m i2cp.BlindingInfo) error {
	s := k.sessions[m.Session]
	a, hash, ok := k.endpoint(m)
	if s == nil || !ok {
		k.server.count(func(s *Stats) { s.Refused.Lookup++ })
		return nil
	}
	a.Secret, a.PerClient = m.HasSecret, m.PerClient
	by := leaseset.Reader{Address: a, Secret: m.Secret}
	if m.PerClient {
		by.Key = &m.Key
	}
	s.local.Unlock(by, hash)
	return nil
}

// endpoint is the address, and where it is known the destination, that a BlindingInfo is about.
func (k *connection) endpoint(m i2cp.BlindingInfo) (a i2p.BlindedAddress, hash i2p.Hash, ok bool) {
	switch m.Kind {
	case i2cp.EndpointKey:
		return i2p.BlindedAddress{Key: m.Signing}, hash, true
	case i2cp.EndpointHost:
		name, err := i2p.ParseName(m.Host)
		switch {
		case err == nil && name.Kind == i2p.NameBlinded:
			return name.Blinded, hash, true
		case err == nil && name.Kind == i2p.NameHost:
			if m.Destination, err = k.server.cfg.Named(k.ctx, nil, name); err == nil {
				return m.Destination.Blinded(), m.Destination.Hash(), true
			}
		}
	case i2cp.EndpointDestination:
		return m.Destination.Blinded(), m.Destination.Hash(), true
	}
	return a, hash, false
}
