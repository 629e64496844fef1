package ssu2link

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"i2ptoolkit/pkg/draw"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/routerinfo"
	"i2ptoolkit/pkg/ssu2"
	"i2ptoolkit/pkg/transport"
)

// errNotIntroduced means that none of a router's introducers has brought us there.
var errNotIntroduced = errors.New("ssu2: nobody introduces us")

// behind is an address that others reach by introduction.
type behind struct {
	routerinfo.Address
	v4     bool
	socket *socket
}

// costIntroduced is by how much an introduction costs more than the address says: it takes
// others, and round trips.
const costIntroduced = 20

// introducible are a router's addresses that we can reach by introduction.
func (d *Driver) introducible(ri *routerinfo.RouterInfo) (out []behind) {
	if d.desk == nil {
		return nil
	}
	now := d.host.Now().Unix()
	for _, a := range ri.SSU2() {
		usable := func(i routerinfo.Introducer) bool {
			return (i.Expires == 0 || i.Expires > now) && i.Hash != d.host.Self
		}
		if a.Host().IsValid() || !slices.ContainsFunc(a.Introducers(), usable) {
			continue
		}
		for _, s := range d.sockets {
			if family := map[bool]string{true: "4", false: "6"}[s.v4]; strings.Contains(a.Caps(), family) && d.desk.guesses(s.v4) {
				out = append(out, behind{a, s.v4, s})
			}
		}
	}
	return out
}

func (k *desk) guesses(v4 bool) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.view.guess[v4]
}

// wantsTag reports whether who is dialled is to be asked for a relay tag.
func (k *desk) wantsTag(v4 bool) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.view.wants[v4]
}

// introduceAny dials a router through the introducers of any of its addresses.
func (d *Driver) introduceAny(ctx context.Context, ri *routerinfo.RouterInfo, random *draw.Source) (transport.Link, error) {
	err := error(transport.ErrNoAddress)
	for _, b := range d.introducible(ri) {
		var l *link
		if l, err = d.introduce(ctx, ri, b, random); err == nil {
			return l, nil
		}
	}
	return nil, err
}

// introduction is how long one introducer may take, from the request to the session.
const introduction = 12 * time.Second

// introduce dials a router through its introducers, those first with whom there is a link (SSU2,
// Relay, Introducer Selection).
func (d *Driver) introduce(ctx context.Context, ri *routerinfo.RouterInfo, b behind, random *draw.Source) (*link, error) {
	err := errNotIntroduced
	now := d.host.Now().Unix()
	introducers := slices.DeleteFunc(b.Introducers(), func(i routerinfo.Introducer) bool {
		return i.Expires != 0 && i.Expires <= now || i.Hash == d.host.Self || i.Hash == ri.Hash()
	})
	random.Shuffle(len(introducers), func(i, j int) { introducers[i], introducers[j] = introducers[j], introducers[i] })
	var near map[i2p.Hash]bool
	d.atDesk(ri.Hash(), func() {
		near = map[i2p.Hash]bool{}
		for _, s := range d.desk.sides {
			near[s.hash] = true
		}
	})
	slices.SortStableFunc(introducers, func(a, b routerinfo.Introducer) int {
		switch {
		case near[a.Hash] == near[b.Hash]:
			return 0
		case near[a.Hash]:
			return -1
		}
		return 1
	})
	for _, i := range introducers {
		var l *link
		if l, err = d.introduceBy(ctx, ri, b, i, random); err == nil {
			return l, nil
		}
		d.host.Log.Debug("not introduced", "router", ri.Hash().String()[:6], "by", i.Hash.String()[:6], "error", err)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
	return nil, err
}

// introduceBy asks one introducer, and dials where it leads.
func (d *Driver) introduceBy(ctx context.Context, ri *routerinfo.RouterInfo, b behind, by routerinfo.Introducer, random *draw.Source) (*link, error) {
	ctx, cancel := context.WithTimeout(ctx, introduction)
	defer cancel()
	if err := d.meetHash(ctx, by.Hash, random); err != nil {
		return nil, err
	}
	targets := make(chan ssu2.Target, 4)
	var err error
	if !d.atDesk(ri.Hash(), func() { err = d.desk.ask(by, ri, b, targets) }) {
		return nil, transport.ErrClosed
	}
	if err != nil {
		return nil, err
	}
	defer d.desk.box.Call(func() {
		if d.desk.asks[ri.Hash()] == targets {
			delete(d.desk.asks, ri.Hash())
		}
	})
	return d.follow(ctx, b, targets, random)
}

// follow dials where an introduction leads. It may lead elsewhere before a session stands: a
// symmetric NAT has the hole at another port than its router thinks.
func (d *Driver) follow(ctx context.Context, b behind, targets <-chan ssu2.Target, random *draw.Source) (*link, error) {
	err := errNotIntroduced
	var dialling chan dialled // one at a time: they have the same connection id
	stop := func() {}
	defer func() { stop() }()
	for {
		select {
		case t, open := <-targets:
			if !open {
				if targets = nil; dialling == nil {
					return nil, err
				}
				continue
			}
			if dialling != nil {
				stop()
				if r := <-dialling; r.err == nil {
					return r.link, nil
				}
			}
			dialling, stop = d.dialBeside(ctx, b.socket, t, random)
		case r := <-dialling: // nil never is ready
			if r.err == nil || targets == nil || ctx.Err() != nil {
				return r.link, r.err
			}
			err, dialling = r.err, nil
		case <-ctx.Done():
			if dialling == nil {
				return nil, ctx.Err()
			}
			r := <-dialling // it gives up
			return r.link, r.err
		}
	}
}

// dialBeside dials in a goroutine of its own, until it is told to stop.
func (d *Driver) dialBeside(ctx context.Context, from *socket, t ssu2.Target, random *draw.Source) (done chan dialled, stop func()) {
	ctx, stop = context.WithCancel(ctx)
	done = make(chan dialled, 1)
	if !d.host.Go(func() {
		l, err := from.dial(ctx, t, random)
		done <- dialled{l, err}
	}) {
		done <- dialled{nil, transport.ErrClosed}
	}
	return done, stop
}

// ask has the desk ask an introducer. The targets come into the channel, which is closed where
// there will be none.
func (k *desk) ask(by routerinfo.Introducer, ri *routerinfo.RouterInfo, b behind, targets chan<- ssu2.Target) error {
	if k.asks[ri.Hash()] != nil {
		return ssu2.ErrPending
	}
	r, err := k.relay.Ask(k.d.host.Now(), by.Hash, ri, b.Address, ssu2.RelayTag(by.Tag), b.v4)
	if err != nil {
		return err
	}
	k.asks[ri.Hash()] = targets
	k.introduced(r)
	return nil
}

// introduced does what follows in an introduction.
func (k *desk) introduced(r ssu2.RelayResult) {
	k.deliver(r.Send, r.Blocks)
	if t := r.Dial; t != nil && k.d.host.MayDial(t.At.Addr()) {
		select {
		case k.asks[t.Info.Hash()] <- *t: // nil never is ready
		default:
		}
	}
	if r.Refused != nil {
		k.d.host.Log.Debug("introduction refused", "code", r.Refused.Code)
		if c := k.asks[r.Refused.Charlie]; c != nil {
			delete(k.asks, r.Refused.Charlie)
			close(c)
		}
	}
}

// meetHash has a link with a router, which it looks up where it is not known.
func (d *Driver) meetHash(ctx context.Context, h i2p.Hash, random *draw.Source) error {
	there := false
	d.atDesk(h, func() { there = d.desk.side(h) != nil })
	if there {
		return nil
	}
	ri := d.host.Find(ctx, h)
	d.turn(h)
	if ri == nil {
		return errNotIntroduced
	}
	return d.meet(ctx, ri, d.dialable(ri), random)
}

// meet has a link with a router that can be dialled at one of some addresses, and gives it to the table.
func (d *Driver) meet(ctx context.Context, ri *routerinfo.RouterInfo, at []target, random *draw.Source) error {
	if d.host.OurInfo() == nil { // nothing to shake hands with yet
		return transport.ErrClosed
	}
	waiting := make(chan *side, 1)
	there := false
	if !d.atDesk(ri.Hash(), func() {
		if there = d.desk.side(ri.Hash()) != nil; !there {
			d.desk.awaits[ri.Hash()] = append(d.desk.awaits[ri.Hash()], waiting)
		}
	}) {
		return transport.ErrClosed
	}
	if there {
		return nil
	}
	defer d.desk.box.Call(func() {
		left := slices.DeleteFunc(d.desk.awaits[ri.Hash()], func(c chan<- *side) bool { return c == waiting })
		if d.desk.awaits[ri.Hash()] = left; len(left) == 0 {
			delete(d.desk.awaits, ri.Hash())
		}
	})
	err := error(transport.ErrNoAddress)
	for _, t := range at {
		var l *link
		if l, err = t.socket.dial(ctx, t.Target, random); err == nil {
			return d.host.Adopt(l, ri)
		}
		if errors.Is(err, ssu2.ErrPending) { // the table is dialling it
			select {
			case s := <-waiting:
				if s == nil {
					return transport.ErrClosed
				}
				return nil
			case <-ctx.Done():
			}
		}
		d.turn(ri.Hash())
		if ctx.Err() != nil {
			return ctx.Err()
		}
		// Who was dialling us meanwhile may have taken our request for an answer to its own.
		if d.atDesk(ri.Hash(), func() { there = d.desk.side(ri.Hash()) != nil }); there {
			return nil
		}
	}
	return err
}
