package tunnel

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"time"

	"i2ptoolkit/pkg/buf"
	"i2ptoolkit/pkg/i2np"
)

// ErrChecksum means that a tunnel message does not decrypt to one.
var ErrChecksum = errors.New("tunnel message with a wrong checksum")

// EndpointStats counts what became of the messages at a tunnel's end.
type EndpointStats struct {
	Received   uint64 // tunnel messages
	Duplicates uint64
	Bad        uint64 // tunnel messages with a wrong checksum or malformed
	Delivered  uint64 // I2NP messages
	Dropped    uint64 // fragments and messages without a use
	Expired    uint64 // messages that missed fragments for too long
	Evicted    uint64 // messages given up for lack of room
}

// assembler turns decrypted tunnel messages into I2NP messages.
type assembler struct {
	seen   ivFilter
	parts  reassembly
	sha    hash.Hash
	sum    [sha256.Size]byte
	frags  []ownedFragment // scratch
	local  bool            // only local deliveries are allowed
	counts *EndpointStats
}

func newAssembler(seen ivFilter, local bool, budget *Budget, counts *EndpointStats) assembler {
	if counts == nil {
		counts = new(EndpointStats)
	}
	return assembler{seen: seen, local: local, parts: reassembly{budget: budget}, counts: counts}
}

// open checks a TunnelData body as it came in.
func (a *assembler) open(body []byte) error {
	a.counts.Received++
	if len(body) != i2np.TunnelDataLen {
		a.counts.Bad++
		return fmt.Errorf("tunnel: TunnelData of %d bytes, not %d", len(body), i2np.TunnelDataLen)
	}
	if a.seen.seen(body) {
		a.counts.Duplicates++
		return ErrDuplicate
	}
	return nil
}

// payload returns where the delivery instructions of a decrypted body begin.
func (a *assembler) payload(body []byte) (int, error) {
	zero := bytes.IndexByte(body[paddingStart:], 0)
	if zero < 0 {
		return 0, ErrChecksum
	}
	at := paddingStart + zero + 1
	if a.sha == nil {
		a.sha = sha256.New()
	}
	a.sha.Reset()
	a.sha.Write(body[at:])
	a.sha.Write(body[tunnelIDLen:dataStart])
	sum := a.sha.Sum(a.sum[:0])
	if !bytes.Equal(sum[:checksumLen], body[dataStart:dataStart+checksumLen]) {
		return 0, ErrChecksum
	}
	return at, nil
}

// handle takes ownership of a decrypted body's buffer and appends the
// messages that are complete to dst.
func (a *assembler) handle(dst []Delivery, now time.Time, body []byte, owner *buf.Buf) ([]Delivery, error) {
	a.counts.Expired += uint64(a.parts.expire(now))
	at, err := a.payload(body)
	if err != nil {
		a.counts.Bad++
		release(owner)
		return dst, err
	}
	a.frags = a.frags[:0]
	largest := 0
	for at < len(body) {
		var f fragment
		if f, at, err = parseFragment(body, at); err != nil {
			a.counts.Bad++
			break // what stands before it is sound
		}
		if a.local && f.number == 0 && f.kind != ToLocal {
			a.counts.Dropped++ // it would leave through the creator, and show it
			continue
		}
		a.frags = append(a.frags, ownedFragment{fragment: f})
		if len(f.data) > len(a.frags[largest].data) {
			largest = len(a.frags) - 1
		}
	}
	if len(a.frags) == 0 {
		release(owner)
		return dst, err
	}
	for i := range a.frags {
		if i == largest || owner == nil {
			a.frags[i].keep(body, owner)
		} else {
			a.frags[i].copyOut()
		}
	}
	for i := range a.frags {
		dst = a.part(dst, now, &a.frags[i])
	}
	clear(a.frags)
	return dst, err
}

// ownedFragment is a fragment with the buffer it lies in.
type ownedFragment struct {
	fragment
	owner *buf.Buf
	raw   []byte // as in Delivery
}

// keep leaves the fragment where it is, in the tunnel message's buffer. The
// instructions of a tunnel delivery leave room for a TunnelGateway's header.
func (f *ownedFragment) keep(body []byte, owner *buf.Buf) {
	f.owner = owner
	if f.whole() && f.kind == ToTunnel {
		end := f.at + len(f.data)
		f.raw = body[f.at-i2np.TunnelGatewayHeaderLen : end : end]
	}
}

// copyOut gives the fragment a buffer of its own.
func (f *ownedFragment) copyOut() {
	f.owner = buf.Get(i2np.TunnelGatewayHeaderLen + len(f.data))
	f.raw = f.owner.Bytes()
	copy(f.raw[i2np.TunnelGatewayHeaderLen:], f.data)
	f.data = f.raw[i2np.TunnelGatewayHeaderLen:]
}

// part handles one fragment and takes ownership of its buffer.
func (a *assembler) part(dst []Delivery, now time.Time, f *ownedFragment) []Delivery {
	if f.whole() {
		return a.deliver(dst, &f.address, f.data, f.raw, f.owner)
	}
	done, ok, evicted := a.parts.add(now, &f.fragment, f.owner)
	a.counts.Evicted += uint64(evicted)
	if !ok {
		a.counts.Dropped++
	}
	if done == nil {
		return dst
	}
	to := done.address
	b := a.parts.join(done, i2np.TunnelGatewayHeaderLen)
	return a.deliver(dst, &to, b.Bytes()[i2np.TunnelGatewayHeaderLen:], b.Bytes(), b)
}

// deliver appends a complete message, and takes ownership of owner.
func (a *assembler) deliver(dst []Delivery, to *address, message, raw []byte, owner *buf.Buf) []Delivery {
	m, rest, err := i2np.ParseStandard(message)
	if err != nil || len(rest) > 0 {
		a.counts.Dropped++
		release(owner)
		return dst
	}
	m.Owner = owner
	a.counts.Delivered++
	return append(dst, Delivery{Kind: to.kind, Router: to.router, Tunnel: to.tunnel, Message: m, raw: raw})
}

// EndpointConfig describes an outbound tunnel to its last hop.
type EndpointConfig struct {
	Keys   LayerKeys
	Budget *Budget        // of fragments and filters, shared; may be nil
	Counts *EndpointStats // to count in, shared; nil: its own
}

// Endpoint is the last hop of an outbound tunnel: it decrypts tunnel messages
// and puts the messages in them together.
type Endpoint struct {
	layer layer
	assembler
}

// NewEndpoint makes an endpoint.
func NewEndpoint(cfg EndpointConfig) *Endpoint {
	return &Endpoint{layer: layer{keys: cfg.Keys}, assembler: newAssembler(newIVFilter(cfg.Budget, cfg.Keys), false, cfg.Budget, cfg.Counts)}
}

// Handle takes ownership of a TunnelData message and appends the messages
// that came out to dst. An error says that the message, or the rest of it,
// was dropped.
func (e *Endpoint) Handle(dst []Delivery, now time.Time, m i2np.Message) ([]Delivery, error) {
	if err := e.open(m.Body); err != nil {
		m.Release()
		return dst, err
	}
	e.layer.encrypt(m.Body)
	return e.Reassemble(dst, now, m)
}

// Reassemble is the second half of Handle, for a message that a Batch passes
// on.
func (e *Endpoint) Reassemble(dst []Delivery, now time.Time, m i2np.Message) ([]Delivery, error) {
	return e.handle(dst, now, m.Body, m.Owner)
}

// Expire drops messages that wait for fragments in vain.
func (e *Endpoint) Expire(now time.Time) { e.counts.Expired += uint64(e.parts.expire(now)) }

// Close lets go of all buffers. The endpoint is not used afterwards, but a Batch may
// still have messages for it: of these it keeps no fragments.
func (e *Endpoint) Close() {
	e.parts.close()
	e.seen.close()
}
