package streaming

import (
	"slices"

	"i2ptoolkit/pkg/buf"
	"i2ptoolkit/pkg/datagram"
	"i2ptoolkit/pkg/i2p"
)

// Batch is payloads for one destination, framed for I2CP.
type Batch struct {
	To      i2p.Destination
	Hash    i2p.Hash
	Packets []*buf.Buf // with room for what is put around them; who takes the batch owns them
}

// outbox frames packets, and gathers them by destination until they are taken.
type outbox struct {
	batches []Batch
	to      []*peer // of the batches
	taken   bool    // the batches are the owner's, until there is more to send

	plain, framed []byte // scratch
}

// add frames a packet, and signs it unless signer is nil.
func (o *outbox) add(to *peer, h datagram.Header, p *Packet, signer *i2p.PrivateKeys) error {
	o.begin()
	out, err := o.frame(h, p, signer)
	if err != nil {
		return err
	}
	if to.batch == 0 {
		o.batches = slices.Grow(o.batches, 1)[:len(o.batches)+1]
		b := &o.batches[len(o.batches)-1]
		b.To, b.Hash = to.dest, to.hash
		o.to = append(o.to, to)
		to.batch = len(o.batches)
	}
	b := &o.batches[to.batch-1]
	b.Packets = append(b.Packets, out)
	return nil
}

// take hands all batches over. They are valid until the next packet is added.
func (o *outbox) take() []Batch {
	o.begin()
	o.taken = true
	return o.batches
}

// some reports whether there is something to take.
func (o *outbox) some() bool { return !o.taken && len(o.batches) > 0 }

// begin makes room where the last batches were taken.
func (o *outbox) begin() {
	if !o.taken {
		return
	}
	o.taken = false
	for i := range o.batches {
		o.to[i].batch = 0
		clear(o.batches[i].Packets)
		o.batches[i].Packets = o.batches[i].Packets[:0]
	}
	clear(o.to)
	o.batches, o.to = o.batches[:0], o.to[:0]
}

// frame writes a packet as an I2CP payload.
func (o *outbox) frame(h datagram.Header, p *Packet, signer *i2p.PrivateKeys) (*buf.Buf, error) {
	if signer == nil {
		out := buf.Get(datagram.StoredOverhead + p.size())
		h.EndStored(p.AppendTo(datagram.BeginStored(out.Bytes()[:0])), 0)
		return out, nil
	}
	var err error
	if o.plain, err = appendSigned(o.plain[:0], p, signer); err != nil {
		return nil, err
	}
	if p.Flags.Has(FromIncluded) { // a destination's padding compresses well
		o.framed = h.AppendDeflated(o.framed[:0], o.plain)
	} else {
		o.framed = h.AppendStored(o.framed[:0], o.plain)
	}
	return buf.Copy(o.framed), nil
}
