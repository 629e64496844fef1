package forward

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"syscall"
	"time"

	"i2ptoolkit/pkg/destinations"
	"i2ptoolkit/pkg/forward/plan"
	"i2ptoolkit/pkg/forward/splice"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/sockets"
)

// acceptPause is how long a door waits where there are no descriptors left.
const acceptPause = 100 * time.Millisecond

// passes tells whether accepting will be possible again.
func passes(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) || errors.Is(err, syscall.ENOBUFS) ||
		errors.Is(err, syscall.ENOMEM) || errors.Is(err, syscall.ECONNABORTED)
}

// serve runs a destination whose peers' streams lead to the plan's targets.
func (f *forward) serve(ctx context.Context) error {
	rules, err := f.rules()
	if err != nil {
		return err
	}
	local, release, err := f.home.use(ctx, f.plan())
	if err != nil {
		return err
	}
	defer release()
	f.note("", local.Address())
	f.tellUnknown()
	var all sync.WaitGroup
	defer all.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if f.filter.Store(rules); rules != nil {
		all.Go(func() { rules.Run(ctx) })
	}
	if t := f.plan().Type; t == plan.UDPServer || t == plan.StreamrServer {
		all.Go(func() { follow(ctx, local, f.is) })
		return f.serveDatagrams(ctx, local)
	}
	if f.plan().Type == plan.Meta {
		all.Go(func() { follow(ctx, local, f.is) })
		return stay(ctx, local)
	}
	l, err := local.Listen(uint16(f.plan().Port))
	if err != nil {
		return err
	}
	defer l.Close()
	welcome, counted := f.welcomer()
	defer counted()
	all.Go(func() { follow(ctx, local, f.is) })
	for turn := 0; ; turn++ {
		c, err := l.AcceptStream(ctx)
		if err != nil {
			if isOpen(local) {
				return err
			}
			return destinations.ErrClosed
		}
		peer := c.RemoteAddr().(sockets.Addr).Destination
		leave, ok := f.admit(peer)
		if !ok {
			f.refused.Add(1)
			splice.Break(c)
			continue
		}
		all.Go(func() {
			defer leave()
			f.streams.Add(1)
			defer f.streams.Add(-1)
			welcome(ctx, c, peer, turn)
		})
	}
}

// stay keeps a destination to which nobody comes open.
func stay(ctx context.Context, local *destinations.Local) error {
	select {
	case <-local.Done():
		return destinations.ErrClosed
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// admit tells whether a peer's stream is taken.
func (f *forward) admit(peer i2p.Destination) (leave func(), ok bool) {
	if !f.lets(peer.Hash()) {
		return nil, false
	}
	return f.gate.enter(f.m.cfg.Now(), f.plan().Limits, peer.Hash())
}

// lets asks the access list and the rules.
func (f *forward) lets(peer i2p.Hash) bool { return f.allows(peer) && f.lawful(peer) }

// allows asks the access list.
func (f *forward) allows(peer i2p.Hash) bool {
	a := f.agreed.Load()
	if a.deny.have(peer, f.m.cfg.Lookup) {
		return false
	}
	return len(a.Access.Allow) == 0 || a.allow.have(peer, f.m.cfg.Lookup)
}

// peers are those that a list names.
type peers []i2p.Name

// peersOf reads a list of a plan that was checked.
func peersOf(list []string) (ps peers) {
	for _, text := range list {
		if n, err := i2p.ParseName(text); err == nil {
			ps = append(ps, n)
		}
	}
	return ps
}

// have tells whether a peer is on the list. A name that no address book knows is nobody's, and is looked up
// each time: it may be known by now.
func (ps peers) have(peer i2p.Hash, lookup func(string) (i2p.Destination, error)) bool {
	return slices.ContainsFunc(ps, func(n i2p.Name) bool {
		if n.Kind == i2p.NameHost {
			to, err := lookup(n.Host)
			return err == nil && to.Hash() == peer
		}
		return n.Hash == peer
	})
}

// welcome has a peer's stream and a target come together, until both have ended.
type welcome func(ctx context.Context, c *sockets.Conn, peer i2p.Destination, turn int)

// welcomer is what stands between peers and targets.
func (f *forward) welcomer() (w welcome, ended func()) {
	switch p := f.plan(); p.Type {
	case plan.HTTPServer:
		s := f.httpServer(p)
		return f.welcomeHTTP(s), f.m.counts.of(s)
	case plan.IRCServer:
		s := f.ircServer(p)
		return f.welcomeTo(s.Join), f.m.counts.of(s)
	}
	return f.welcomeTo(func(ctx context.Context, target, stream net.Conn, _ i2p.Hash, count *splice.Count) error {
		return splice.Both(ctx, target, stream, count)
	}), func() {}
}

// joinPeer joins a peer's stream with a connection to a target.
type joinPeer func(ctx context.Context, target, stream net.Conn, peer i2p.Hash, count *splice.Count) error

// welcomeTo joins each stream with a target.
func (f *forward) welcomeTo(join joinPeer) welcome {
	return func(ctx context.Context, c *sockets.Conn, peer i2p.Destination, turn int) {
		target, err := f.target(ctx, turn)
		if err != nil {
			splice.Break(c)
			return
		}
		f.opened.Add(1)
		join(ctx, target, c, peer.Hash(), &f.count)
	}
}

// target is reach for a peer.
func (f *forward) target(ctx context.Context, turn int) (net.Conn, error) {
	c, err := f.reach(ctx, turn)
	if err != nil {
		f.failed.Add(1)
		f.m.cfg.Log.Debug("target not reached", "forward", f.name, "error", err)
	}
	return c, err
}

// targetTime bounds the dialling of one target.
const targetTime = 10 * time.Second

// reach dials one of the plan's targets, in the plan's order.
func (f *forward) reach(ctx context.Context, turn int) (net.Conn, error) {
	p := f.plan()
	var errs []error
	for _, target := range inOrder(p.Targets, p.Order, turn) {
		network, address, err := plan.Local(target)
		if err != nil {
			return nil, err
		}
		dialling, cancel := context.WithTimeout(ctx, targetTime)
		c, err := f.m.cfg.Dial(dialling, network, address)
		cancel()
		if err == nil {
			return c, nil
		}
		errs = append(errs, fmt.Errorf("%s: %w", address, err))
	}
	return nil, joined(errs)
}
