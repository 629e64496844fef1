package tunnel

import (
	"time"

	"i2ptoolkit/pkg/i2np"
)

// Batch gathers the work of many hops, of any kind, so that their messages
// are encrypted together: one message keeps a processor's AES units busy for
// an eighth of the time only. The work comes out in the order in which it
// was put in. The zero Batch is ready.
type Batch struct {
	sealing sealing
	work    []work
	spare   []work
	framed  []Out // scratch
}

// work is a message to be sent, or one for an endpoint.
type work struct {
	out      Out
	endpoint *Endpoint // takes out.Message
}

// Forward is Participant.Forward, with the result left to Run.
func (b *Batch) Forward(p *Participant, m i2np.Message) error {
	out, err := p.forward(&b.sealing, m)
	if err == nil {
		b.work = append(b.work, work{out: out})
	}
	return err
}

// Add is Gateway.Add, with the result left to Run. It returns the number of
// tunnel messages made.
func (b *Batch) Add(g *Gateway, now time.Time, messages ...[]byte) (int, error) {
	outs, err := g.add(&b.sealing, b.framed[:0], now, messages)
	for _, o := range outs {
		b.work = append(b.work, work{out: o})
	}
	clear(outs)
	b.framed = outs
	return len(outs), err
}

// Handle is the first half of Endpoint.Handle: Run passes the message on,
// for Endpoint.Reassemble.
func (b *Batch) Handle(e *Endpoint, m i2np.Message) error {
	if err := e.open(m.Body); err != nil {
		m.Release()
		return err
	}
	b.sealing.add(&e.layer, m.Body)
	b.work = append(b.work, work{out: Out{Message: m}, endpoint: e})
	return nil
}

// Len is the number of messages that wait for Run.
func (b *Batch) Len() int { return len(b.work) }

// Run completes the work and hands every message, with its ownership, to
// send or to arrived. What those add is for the next Run.
func (b *Batch) Run(send func(Out), arrived func(*Endpoint, i2np.Message)) {
	b.sealing.run()
	done := b.work
	b.work, b.spare = b.spare[:0], nil
	for i := range done {
		if w := &done[i]; w.endpoint != nil {
			arrived(w.endpoint, w.out.Message)
		} else {
			send(w.out)
		}
	}
	clear(done)
	b.spare = done[:0]
}
