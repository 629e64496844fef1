package tunnel

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"strconv"

	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
)

// ErrTampered means that an inbound build's own record came back changed:
// the hop before us may be probing whether we are the creator.
var ErrTampered = errors.New("own build record changed on its way")

// Reply is what the hops answered, in the order of message flow.
type Reply struct {
	Accepted bool // by all
	Codes    []byte
	Options  []i2p.Mapping
}

// Bandwidth is the least bandwidth that a hop offered, in KB per second; 0
// if none said.
func (r *Reply) Bandwidth() int {
	least := 0
	for _, o := range r.Options {
		n, err := strconv.ParseUint(o.Get("b"), 10, 31)
		if err == nil && n > 0 && (least == 0 || int(n) < least) {
			least = int(n)
		}
	}
	return least
}

// HandleReply decrypts the reply to a build, which it borrows: a message of
// type ReplyType whose ID is ReplyID. An error means that the reply is no
// use, and the tunnel none either.
func (b *Build) HandleReply(m i2np.Message) (*Reply, error) {
	if m.Type != b.ReplyType() || m.ID != b.replyID {
		return nil, fmt.Errorf("tunnel: %v with ID %d is not the reply, %v with ID %d is", m.Type, m.ID, b.ReplyType(), b.replyID)
	}
	got, err := i2np.ParseBuildRecords(m.Type, m.Body)
	if err != nil {
		return nil, fmt.Errorf("tunnel: build reply: %w", err)
	}
	if got.Len() != b.records {
		return nil, fmt.Errorf("tunnel: build reply: %d records, %d were sent", got.Len(), b.records)
	}
	if b.own >= 0 && sha256.Sum256(got.Record(b.own)) != b.ownSum {
		return nil, fmt.Errorf("tunnel: build reply: %w", ErrTampered)
	}
	records := bytes.Clone(got.Records)
	r := &Reply{Accepted: true, Codes: make([]byte, len(b.hops)), Options: make([]i2p.Mapping, len(b.hops))}
	for i := len(b.hops) - 1; i >= 0; i-- {
		h := &b.hops[i]
		plaintext, err := h.keys.openReply(recordAt(records, h.keys.short, h.index), h.index)
		if err != nil {
			return nil, fmt.Errorf("tunnel: build reply of hop %d: %w", i, err)
		}
		r.Codes[i], r.Options[i] = parseReply(plaintext)
		r.Accepted = r.Accepted && r.Codes[i] == Accept
		for j := range i {
			h.keys.decryptOther(recordAt(records, h.keys.short, b.hops[j].index), b.hops[j].index)
		}
	}
	return r, nil
}

// layerKeys are the hops' layer keys in the order of message flow.
func (b *Build) layerKeys() []LayerKeys {
	keys := make([]LayerKeys, len(b.hops))
	for i := range b.hops {
		keys[i] = b.hops[i].keys.layer
	}
	return keys
}

// NewOutbound makes the engine of an outbound tunnel that was accepted.
func (b *Build) NewOutbound() (*Outbound, error) {
	if b.cfg.Inbound {
		return nil, errors.New("tunnel: an inbound build makes no outbound tunnel")
	}
	return NewOutbound(OutboundConfig{
		Layers:    b.layerKeys(),
		FirstHop:  b.hops[0].Router,
		FirstID:   b.hops[0].receive,
		EndRouter: b.hops[len(b.hops)-1].Router,
		Rand:      b.random,
	}), nil
}

// NewInbound makes the engine of an inbound tunnel that was accepted.
func (b *Build) NewInbound() (*Inbound, error) {
	if !b.cfg.Inbound {
		return nil, errors.New("tunnel: an outbound build makes no inbound tunnel")
	}
	return NewInbound(InboundConfig{
		Layers:    b.layerKeys(),
		Gateway:   b.hops[0].Router,
		GatewayID: b.hops[0].receive,
		Budget:    b.cfg.Budget,
		Counts:    b.cfg.Counts,
	}), nil
}

// ReceiveTunnel is the tunnel ID with which messages of an inbound tunnel
// reach us. TunnelData may come as soon as the last hop has accepted.
func (b *Build) ReceiveTunnel() uint32 { return b.ours }
