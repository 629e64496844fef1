//go:build linux

package attack

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/control/client"
	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/interop"
	"i2ptoolkit/pkg/leaseset"
	"i2ptoolkit/pkg/sign"
	"i2ptoolkit/pkg/tunnel"
)

const (
	probeLimit = 20 * time.Second // of one thing that is done
	bulkLen    = 256 << 10
)

// Prober does what the victim's owner, visitors and other routers want.
type Prober struct {
	scene     *Scene
	Service   string // b32 of the destination that the victim serves
	keys      []byte // of it
	friend    *client.Session
	newcomers atomic.Uint32
	users     *Guest // of the doors; nil: nobody uses them

	mu      sync.Mutex
	service *client.Session
	own     *client.Session
}

// NewProber opens what is there for long: the victim's service and its own client, and a
// destination elsewhere that the service knows.
func NewProber(ctx context.Context, s *Scene) (*Prober, error) {
	keys, err := i2p.GenerateDestination(sign.EdDSA_SHA512_Ed25519, 0, nil)
	if err != nil {
		return nil, err
	}
	p := &Prober{scene: s, keys: keys.AppendTo(nil), Service: keys.Destination().B32()}
	if err := p.Reopen(ctx); err != nil {
		return nil, err
	}
	p.friend, err = s.Honest[0].Open(ctx, control.Open{})
	return p, err
}

// Close ends them.
func (p *Prober) Close() {
	p.service.Close()
	p.own.Close()
	p.friend.Close()
	if p.users != nil {
		p.users.Close()
	}
}

// kinds are those of what it does.
func (p *Prober) kinds() []Kind {
	if p.users == nil {
		return Kinds
	}
	return slices.Concat(Kinds, DoorKinds)
}

// Reopen opens the victim's destinations, also after a restart.
func (p *Prober) Reopen(ctx context.Context) error {
	service, err := p.scene.Victim.Open(ctx, control.Open{Key: p.keys, Listen: []uint16{0}})
	if err != nil {
		return fmt.Errorf("attack: the service: %w", err)
	}
	own, err := p.scene.Victim.Open(ctx, control.Open{})
	if err != nil {
		return fmt.Errorf("attack: the victim's client: %w", err)
	}
	p.mu.Lock()
	p.service, p.own = service, own
	p.mu.Unlock()
	for range 4 {
		go serve(service)
	}
	return nil
}

// serve accepts the streams of a session until that ends.
func serve(s *client.Session) {
	for {
		stream, err := s.Accept(context.Background(), control.Accept{})
		select {
		case <-s.Done():
			return
		default:
		}
		if err == nil {
			go answer(s, stream)
		}
	}
}

// answer serves the measuring protocol, or holds the stream without reading it.
func answer(s *client.Session, stream *client.Stream) {
	defer stream.Close()
	var first [1]byte
	if _, err := io.ReadFull(stream, first[:]); err != nil {
		return
	}
	if first[0] == firstHold {
		<-s.Done()
		return
	}
	interop.Serve(stream)
	stream.CloseWrite()
}

// Measure does all there is to do for a while, and adds to figures, if there are some
// already. It returns once what has begun within that time has ended.
func (p *Prober) Measure(ctx context.Context, lasts time.Duration, figures *Figures) *Figures {
	if figures == nil {
		figures = newFigures()
	}
	return p.until(ctx, time.After(max(lasts, 0)), figures)
}

// Well does all there is to do until everything has gone well, and tells how long that took:
// a negative time is not within the limit.
func (p *Prober) Well(ctx context.Context, limit time.Duration) (time.Duration, []string) {
	start, figures, enough := time.Now(), newFigures(), make(chan time.Time)
	var took time.Duration
	go func() {
		defer close(enough)
		for len(figures.missing(p.kinds())) > 0 && time.Since(start) < limit && ctx.Err() == nil {
			time.Sleep(50 * time.Millisecond)
		}
		took = time.Since(start)
	}()
	p.until(ctx, enough, figures)
	missing := figures.missing(p.kinds())
	if len(missing) > 0 {
		return -1, missing
	}
	return min(took, limit), nil
}

// until does all there is to do until over.
func (p *Prober) until(ctx context.Context, over <-chan time.Time, figures *Figures) *Figures {
	begin, cancel := context.WithCancel(ctx) // what has not begun when this ends is not done
	defer cancel()
	start, cpu := time.Now(), p.scene.Victim.CPU()
	built, _ := p.builds(ctx)
	var wg sync.WaitGroup
	loop := func(pause time.Duration, f func(context.Context)) {
		wg.Go(func() { again(begin, pause, func() { f(ctx) }) })
	}
	for i := range p.scene.Honest {
		loop(time.Second, func(ctx context.Context) { p.guest(ctx, p.scene.Honest[i].Client, figures) })
	}
	loop(2*time.Second, func(ctx context.Context) { timed(ctx, figures, Bulk, p.bulk) })
	loop(3*time.Second, func(ctx context.Context) { timed(ctx, figures, Openings, p.opening) })
	loop(time.Second, func(ctx context.Context) { p.newcomer(ctx, figures) })
	if p.users != nil {
		for k, ask := range p.users.asks() {
			loop(500*time.Millisecond, func(ctx context.Context) { timed(ctx, figures, k, ask) })
		}
	}
	wg.Go(func() {
		again(begin, 200*time.Millisecond, func() { figures.RSS = max(figures.RSS, p.scene.Victim.RSS()) })
	})
	select {
	case <-over:
	case <-ctx.Done():
	}
	figures.Lasted += time.Since(start)
	figures.CPU += p.scene.Victim.CPU() - cpu
	cancel()
	wg.Wait()
	after, err := p.builds(ctx)
	if err == nil {
		figures.Builds[0] += after[0] - built[0]
		figures.Builds[1] += after[1] - built[1]
	}
	return figures
}

// builds are the tunnels that the victim has built and asked for.
func (p *Prober) builds(ctx context.Context) (n [2]uint64, err error) {
	s, err := p.scene.Victim.Status(ctx)
	b := s.Builds
	return [2]uint64{b.Accepted, b.Accepted + b.Refused + b.Expired}, err
}

// timed does one thing, within the limit.
func timed(ctx context.Context, figures *Figures, k Kind, f func(context.Context) error) error {
	limited, cancel := context.WithTimeout(ctx, probeLimit)
	defer cancel()
	start := time.Now()
	err := f(limited)
	if ctx.Err() == nil { // else the test has ended
		figures.add(k, time.Since(start), err)
	}
	return err
}

// guest is a destination somewhere: the victim looks it up, it visits the victim's service,
// and the victim's client visits it. What goes wrong before is nothing of the victim's.
func (p *Prober) guest(ctx context.Context, at *client.Client, figures *Figures) {
	opening, cancel := context.WithTimeout(ctx, probeLimit)
	defer cancel()
	s, err := at.Open(opening, control.Open{Listen: []uint16{0}, Options: lightTunnels()})
	if err != nil {
		return
	}
	defer s.Close()
	if err := s.Ready(opening); err != nil {
		return
	}
	go serve(s)
	destination, err := i2p.ParseDestinationBase64(s.Destination)
	if err != nil {
		return
	}
	timed(ctx, figures, Lookups, func(ctx context.Context) error {
		_, err := p.scene.Victim.Lookup(ctx, control.Lookup{
			Kind: control.KindLeaseSet, Hash: destination.Hash().String(), TimeoutMillis: probeLimit.Milliseconds(),
		})
		return err
	})
	timed(ctx, figures, Visits, func(ctx context.Context) error { return converse(ctx, s, p.Service, 0) })
	p.mu.Lock()
	own := p.own
	p.mu.Unlock()
	timed(ctx, figures, Outgoing, func(ctx context.Context) error { return converse(ctx, own, s.B32, 0) })
}

// converse opens a stream, sends so many bytes, and waits for a byte to come back.
func converse(ctx context.Context, s *client.Session, to string, size int) error {
	stream, err := s.Connect(ctx, control.Connect{Destination: to, TimeoutMillis: probeLimit.Milliseconds()})
	if err != nil {
		return err
	}
	defer stream.Close()
	defer context.AfterFunc(ctx, func() { stream.SetDeadline(time.Unix(1, 0)) })()
	if _, err := stream.Write([]byte{firstServe}); err != nil {
		return err
	}
	if size > 0 {
		err = interop.Upload(ctx, stream, size)
	} else {
		_, err = interop.Ping(ctx, stream)
	}
	if err == nil {
		stream.CloseWrite()
		_, err = io.Copy(io.Discard, stream)
	}
	return err
}

// bulk sends something over a stream of its own.
func (p *Prober) bulk(ctx context.Context) error { return converse(ctx, p.friend, p.Service, bulkLen) }

// opening opens a destination at the victim, until others can find it.
func (p *Prober) opening(ctx context.Context) error {
	s, err := p.scene.Victim.Open(ctx, control.Open{Options: lightTunnels()})
	if err != nil {
		return err
	}
	defer s.Close()
	return s.Ready(ctx)
}

var errRefused = errors.New("refused")

// newcomer is a router from an address that the victim has not seen.
func (p *Prober) newcomer(ctx context.Context, figures *Figures) {
	n := p.newcomers.Add(1)
	dial := p.scene.newcomers.from(netip.AddrFrom4([4]byte{60, byte(n), byte(n >> 8), 1}))
	id, err := NewIdentity(nil, "LR")
	if err != nil {
		return
	}
	var s *Session
	err = timed(ctx, figures, Newcomers, func(ctx context.Context) (err error) {
		if s, err = OpenSession(ctx, dial, id, p.scene.Victim.Info, false); err != nil {
			return err
		}
		s.conn.SetReadDeadline(time.Now().Add(probeLimit))
		return s.Frame(func(i2np.Message) {})
	})
	if s != nil {
		defer s.Close()
	}
	if err != nil {
		return
	}
	timed(ctx, figures, Transit, func(context.Context) error { return askTunnel(s, id, p.scene.Victim) })
}

// askTunnel asks for one tunnel.
func askTunnel(s *Session, id *Identity, victim *Router) error {
	b := &builder{id: id, victim: victim.Info, builds: make(map[uint32]*tunnel.Build)}
	m, err := b.request()
	if err != nil {
		return err
	}
	defer m.Release()
	if err := s.Send(m); err != nil {
		return err
	}
	s.conn.SetReadDeadline(time.Now().Add(probeLimit))
	for {
		accepted, answered := false, false
		err := s.Frame(func(m i2np.Message) {
			if yes, ok := b.reply(m); ok {
				accepted, answered = yes, true
			}
		})
		if err != nil {
			return err
		}
		if answered && !accepted {
			return errRefused
		}
		if answered {
			return nil
		}
	}
}

// leasesOf are those of a destination, as anybody finds them.
func leasesOf(ctx context.Context, at *client.Client, b32 string) ([]leaseset.Lease, error) {
	hash, err := i2p.ParseB32(b32)
	if err != nil {
		return nil, err
	}
	r, err := at.Lookup(ctx, control.Lookup{
		Kind: control.KindLeaseSet, Hash: hash.String(), TimeoutMillis: probeLimit.Milliseconds(),
	})
	if err != nil {
		return nil, err
	}
	record, err := leaseset.Parse(r.StoreType, bytes.Clone(r.Data))
	if err != nil {
		return nil, err
	}
	set, ok := record.(leaseset.Set)
	if !ok {
		return nil, errors.New("attack: a lease set without leases")
	}
	return set.Leases(), nil
}
