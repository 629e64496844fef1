package tunnel

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"

	"i2ptoolkit/pkg/draw"
	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
)

// ErrDuplicate means that a tunnel message was seen before.
var ErrDuplicate = errors.New("tunnel message seen before")

// ParticipantConfig describes a tunnel to one of its middle hops.
type ParticipantConfig struct {
	Keys       LayerKeys
	NextRouter i2p.Hash
	NextTunnel uint32
	Budget     *Budget // of filters, shared; may be nil
	Rand       io.Reader
}

// Participant is a hop in the middle of a tunnel, whichever way it points.
type Participant struct {
	layer  layer
	next   i2p.Hash
	id     uint32
	random *rand.PCG // of message IDs, which hide nothing
	seen   ivFilter
}

// NewParticipant makes a participant.
func NewParticipant(cfg ParticipantConfig) *Participant {
	var seed [16]byte
	draw.Fill(cfg.Rand, seed[:])
	le := binary.LittleEndian
	return &Participant{
		layer:  layer{keys: cfg.Keys},
		next:   cfg.NextRouter,
		id:     cfg.NextTunnel,
		random: rand.NewPCG(le.Uint64(seed[:]), le.Uint64(seed[8:])),
		seen:   newIVFilter(cfg.Budget, cfg.Keys),
	}
}

// Apply turns a TunnelData body into the next hop's, in place. It fails with
// ErrDuplicate for a message that came before.
func (p *Participant) Apply(body []byte) error {
	var s sealing
	err := p.apply(&s, body)
	s.run()
	return err
}

func (p *Participant) apply(s *sealing, body []byte) error {
	if len(body) != i2np.TunnelDataLen {
		return fmt.Errorf("tunnel: TunnelData of %d bytes, not %d", len(body), i2np.TunnelDataLen)
	}
	if p.seen.seen(body) {
		return ErrDuplicate
	}
	s.add(&p.layer, body)
	binary.BigEndian.PutUint32(body, p.id)
	return nil
}

// Forward is Apply for a whole message, which gets a new message ID and is
// then NextRouter's; its expiration stays. The caller keeps ownership if it
// fails.
func (p *Participant) Forward(m i2np.Message) (Out, error) {
	var s sealing
	out, err := p.forward(&s, m)
	s.run()
	return out, err
}

func (p *Participant) forward(s *sealing, m i2np.Message) (Out, error) {
	if err := p.apply(s, m.Body); err != nil {
		return Out{}, err
	}
	m.ID = uint32(p.random.Uint64())
	return Out{To: p.next, Message: m}, nil
}

// Close gives back what it has of the budget. A Batch may still have messages of the
// participant's.
func (p *Participant) Close() { p.seen.close() }

// NextRouter is where the tunnel messages go.
func (p *Participant) NextRouter() i2p.Hash { return p.next }
