package controltest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/control/server"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
	"i2ptoolkit/pkg/options"
	"i2ptoolkit/pkg/sockets"
)

// hall is the destinations of a fake router, and who listens there.
type hall struct {
	mu        sync.Mutex
	listeners map[address]*listener
	ports     map[portOf]*port
	changed   chan struct{} // closed when a listener or a port is added
	inUse     map[i2p.Hash]*destination
	lastSeed  byte
}

type address struct {
	hash i2p.Hash
	port uint16
}

// seed is another one each time.
func (h *hall) seed() byte {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lastSeed++
	return h.lastSeed
}

// listening is how many listeners there are.
func (h *hall) listening() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.listeners)
}

// take notes who has a destination, or returns who has it.
func (h *hall) take(d *destination) (other *destination) {
	h.mu.Lock()
	defer h.mu.Unlock()
	hash := d.dest.Hash()
	if h.inUse == nil {
		h.inUse = make(map[i2p.Hash]*destination)
	}
	if h.inUse[hash] == nil {
		h.inUse[hash] = d
		return nil
	}
	return h.inUse[hash]
}

// leave forgets a destination and its listeners.
func (h *hall) leave(d *destination) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for a, l := range h.listeners {
		if l.owner == d {
			delete(h.listeners, a)
		}
	}
	for at, p := range h.ports {
		if at.hash == d.dest.Hash() {
			p.End()
			delete(h.ports, at)
		}
	}
	delete(h.inUse, d.dest.Hash())
}

// find returns the destination that listens under a hash, and what is closed when another
// begins to listen.
func (h *hall) find(hash i2p.Hash) (i2p.Destination, <-chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for a, l := range h.listeners {
		if a.hash == hash {
			return l.owner.dest, nil
		}
	}
	for at, p := range h.ports {
		if at.hash == hash {
			return p.LocalAddr().(sockets.Addr).Destination, nil
		}
	}
	if h.changed == nil {
		h.changed = make(chan struct{})
	}
	return i2p.Destination{}, h.changed
}

// listener is the one for a port, or for every port.
func (h *hall) listener(hash i2p.Hash, port uint16) *listener {
	h.mu.Lock()
	defer h.mu.Unlock()
	if l := h.listeners[address{hash, port}]; l != nil {
		return l
	}
	return h.listeners[address{hash, 0}]
}

// add takes a listener where there is none.
func (h *hall) add(l *listener) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.listeners[l.at] != nil {
		return false
	}
	if h.listeners == nil {
		h.listeners = make(map[address]*listener)
	}
	h.listeners[l.at] = l
	h.came()
	return true
}

// came tells those who wait for a destination. The caller holds mu.
func (h *hall) came() {
	if h.changed != nil {
		close(h.changed)
		h.changed = nil
	}
}

func (h *hall) remove(l *listener) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.listeners, l.at)
}

// patience is how long what has been begun elsewhere may take until it is seen here, on a
// machine that is busy with other things.
const patience = time.Minute

var errClosed = errors.New("fake destination closed")

type destination struct {
	hall *hall
	keys *i2p.PrivateKeys
	dest i2p.Destination
	set  leaseset.Set
	once sync.Once
	done chan struct{}

	patience  time.Duration // with what others do
	noTunnels bool
	hangUp    bool
}

// occupy takes the destination, once nobody else has it.
func (d *destination) occupy(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, d.patience)
	defer cancel()
	for {
		other := d.hall.take(d)
		if other == nil {
			return nil
		}
		select {
		case <-other.done:
		case <-ctx.Done():
			return control.Errorf(control.InUse, "%s is in use on this router already", d.dest.B32())
		}
	}
}

// await waits for a destination to listen, so that a script may start both ends of a stream
// at once.
func (d *destination) await(ctx context.Context, hash i2p.Hash) (i2p.Destination, bool) {
	ctx, cancel := context.WithTimeout(ctx, d.patience)
	defer cancel()
	for {
		dest, changed := d.hall.find(hash)
		if !dest.IsZero() {
			return dest, true
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return dest, false
		}
	}
}

// blocked waits for ever where there are no tunnels.
func (d *destination) blocked(ctx context.Context) error {
	if !d.noTunnels {
		return nil
	}
	<-ctx.Done()
	return ctx.Err()
}

func (d *destination) Destination() i2p.Destination { return d.dest }

func (d *destination) Ready(ctx context.Context) error { return d.blocked(ctx) }

func (d *destination) Resolve(ctx context.Context, hash i2p.Hash) (i2p.Destination, error) {
	dest, ok := d.await(ctx, hash)
	if !ok {
		return dest, control.Errorf(control.NotFound, "no lease set of %s is to be found", hash.B32())
	}
	return dest, nil
}

func (d *destination) ResolveBlinded(_ context.Context, a i2p.BlindedAddress) (i2p.Destination, error) {
	return i2p.Destination{}, control.Errorf(control.NotFound, "no lease set of it is to be found")
}

// setOf is a destination's lease set, for what its options say of services.
func setOf(keys *i2p.PrivateKeys, asked options.Options) (leaseset.Set, error) {
	pair := keys.LeaseSetKey()
	return leaseset.Build2(leaseset.Build2Config{
		Keys: keys, EncryptionKeys: []leaseset.EncryptionKey{{Type: i2p.CryptoX25519, Key: pair.Public[:]}},
		Published: i2p.DateOf(epoch()), Options: asked.Services,
	})
}

// Rekey takes keys of the destination.
func (d *destination) Rekey(keys *i2p.PrivateKeys) error {
	if keys.Destination().Hash() != d.dest.Hash() {
		return control.Errorf(control.BadData, "not keys of this destination")
	}
	return nil
}

// LeaseSet is that of a destination which listens.
func (d *destination) LeaseSet(ctx context.Context, hash i2p.Hash) (leaseset.Set, error) {
	if _, err := d.Resolve(ctx, hash); err != nil {
		return nil, err
	}
	d.hall.mu.Lock()
	defer d.hall.mu.Unlock()
	for a, l := range d.hall.listeners {
		if a.hash == hash {
			return l.owner.set, nil
		}
	}
	return nil, errClosed
}

func (d *destination) Address() string { return d.dest.B32() }

func (d *destination) Dial(ctx context.Context, to i2p.Destination, port uint16) (server.Stream, error) {
	if err := d.blocked(ctx); err != nil {
		return nil, err
	}
	if _, listens := d.await(ctx, to.Hash()); !listens {
		return nil, control.Errorf(control.Unreachable, "no lease set of %s", to.B32())
	}
	l := d.hall.listener(to.Hash(), port)
	if l == nil {
		return nil, control.Errorf(control.Refused, "%s refused the stream", to.B32())
	}
	ours, theirs := pair(d.dest, to, d.hangUp)
	select {
	case l.backlog <- theirs:
		return ours, nil
	case <-l.owner.done:
		return nil, control.Errorf(control.Refused, "the peer is gone")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Ping takes a millisecond to whoever listens.
func (d *destination) Ping(ctx context.Context, to i2p.Destination) (time.Duration, error) {
	if err := d.blocked(ctx); err != nil {
		return 0, err
	}
	if _, listens := d.await(ctx, to.Hash()); !listens {
		return 0, control.Errorf(control.Timeout, "%s does not answer", to.B32())
	}
	return time.Millisecond, nil
}

func (d *destination) Listen(port uint16) (server.Listener, error) {
	l := &listener{owner: d, at: address{d.dest.Hash(), port}, backlog: make(chan *stream)}
	if !d.hall.add(l) {
		return nil, fmt.Errorf("port %d has a listener already", port)
	}
	return l, nil
}

func (d *destination) Done() <-chan struct{} { return d.done }

func (d *destination) Close() error {
	d.once.Do(func() {
		d.hall.leave(d)
		close(d.done)
	})
	return nil
}

type listener struct {
	owner   *destination
	at      address
	backlog chan *stream
}

func (l *listener) Accept(ctx context.Context) (server.Stream, error) {
	select {
	case s := <-l.backlog:
		return s, nil
	case <-l.owner.done:
		return nil, errClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (l *listener) Close() error {
	l.owner.hall.remove(l)
	return nil
}
