package vectors

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/noise"
	"i2ptoolkit/pkg/ratchet"
	"i2ptoolkit/pkg/tunnel"
)

// buildCase is what distinguishes one build from another.
type buildCase struct {
	name, note string
	long       bool
	inbound    bool
	hops       int
	bandwidth  tunnel.Bandwidth
	codes      []byte // of the hops; missing ones are 0
}

// BeginBuild makes a build with the engine and begins its vector; the reply
// is to be appended to its Messages.
func BeginBuild(name string, now time.Time, cfg tunnel.Config, s *Stream) (*tunnel.Build, *TunnelBuild, error) {
	cfg.Rand = s
	b, err := tunnel.NewBuild(now, cfg)
	if err != nil {
		return nil, nil, err
	}
	m := b.Message()
	defer m.Release()
	v := &TunnelBuild{
		Name: name, Seed: s.Seed, Form: "short", Inbound: cfg.Inbound, Time: now.Unix(), Creator: cfg.Us[:], ReplyID: b.ReplyID(),
		Messages: []BuildMessage{{From: "creator", To: "hop 0", Type: int(m.Type), Body: bytes.Clone(m.Body)}},
	}
	if cfg.Long {
		v.Form = "long"
	}
	for _, h := range cfg.Hops {
		v.Hops = append(v.Hops, BuildHop{Router: bytes.Clone(h.Router[:]), StaticPublic: bytes.Clone(h.Static[:])})
	}
	return b, v, nil
}

// FindKeys takes the ephemeral keys out of what the creator drew, once all
// messages are there.
func (v *TunnelBuild) FindKeys(s *Stream) error {
	for i := range v.Hops {
		index, err := v.find(i, v.Hops[i].Router)
		if err != nil {
			return err
		}
		if v.Hops[i].EphemeralPrivate, err = s.private(v.record(i, index)[16:48]); err != nil {
			return err
		}
	}
	return nil
}

// generateBuild sends a build through engines of all hops.
func generateBuild(c buildCase, now time.Time) (*TunnelBuild, error) {
	s := NewStream("tunnel " + c.name)
	us := i2p.Hash(s.key())
	cfg := tunnel.Config{
		Inbound: c.inbound, Us: us, Long: c.long, Bandwidth: c.bandwidth,
		Reply: tunnel.ReplyTo{Gateway: i2p.Hash(s.key()), Tunnel: 0x0badcafe},
	}
	streams, statics := make([]*Stream, c.hops), make([]noise.KeyPair, c.hops)
	for i := range c.hops {
		streams[i] = NewStream(fmt.Sprintf("tunnel %s hop %d", c.name, i))
		statics[i] = noise.NewKeyPair(streams[i].key())
		cfg.Hops = append(cfg.Hops, tunnel.Hop{Router: i2p.Hash(streams[i].key()), Static: statics[i].Public})
	}
	b, v, err := BeginBuild(c.name, now, cfg, s)
	if err != nil {
		return nil, err
	}
	v.Note = c.note
	m := i2np.Message{Type: i2np.Type(v.Messages[0].Type), Body: bytes.Clone(v.Messages[0].Body)}
	var last *tunnel.Request
	for i := range c.hops {
		private := statics[i].Private()
		v.Hops[i].Seed, v.Hops[i].StaticPrivate = streams[i].Seed, private[:]
		if last, err = tunnel.OpenRequest(cfg.Hops[i].Router, statics[i], now, m); err != nil {
			return nil, err
		}
		var code byte
		if i < len(c.codes) {
			code = c.codes[i]
		}
		var options i2p.Mapping
		if c.bandwidth.Requested > 0 && code == tunnel.Accept {
			options = tunnel.ReplyOptions(c.bandwidth.Requested - i)
		}
		if m, err = last.Answer(now, streams[i], code, options); err != nil {
			return nil, err
		}
		v.Messages = append(v.Messages, BuildMessage{
			From: fmt.Sprint("hop ", i), To: fmt.Sprint("hop ", i+1), Type: int(m.Type), Body: bytes.Clone(m.Body),
		})
	}
	v.Messages[c.hops].To = "creator"
	if err := finishBuild(b, v, m, last, streams[c.hops-1]); err != nil {
		return nil, err
	}
	if err := v.FindKeys(s); err != nil {
		return nil, err
	}
	return v, v.Compute()
}

// finishBuild wraps an endpoint's reply, and has the creator's engine read it.
func finishBuild(b *tunnel.Build, v *TunnelBuild, m i2np.Message, last *tunnel.Request, end *Stream) error {
	if last.Garlic != nil {
		clove := i2np.Clove{Message: m}
		body, err := ratchet.SealTagged(end, last.Garlic.Key, last.Garlic.Tag, []i2np.Clove{clove})
		if err != nil {
			return err
		}
		key, ok := b.ReplyGarlic()
		if !ok || key != *last.Garlic {
			return errors.New("vectors: creator and endpoint have different garlic keys")
		}
		o, err := ratchet.OpenTagged(key.Key, bytes.Clone(body))
		if err != nil || len(o.Cloves) != 1 {
			return fmt.Errorf("vectors: wrapped reply: %w", err)
		}
		v.Garlic = &OneTime{Tag: bytes.Clone(key.Tag[:]), Body: body}
		m = o.Cloves[0].Message
	}
	_, err := b.HandleReply(m)
	return err
}

// ReplyFromGarlic opens the wrapped reply of an outbound build, notes it in
// the vector and returns the message inside.
func (v *TunnelBuild) ReplyFromGarlic(b *tunnel.Build, body []byte) (i2np.Message, error) {
	key, ok := b.ReplyGarlic()
	if !ok {
		return i2np.Message{}, errors.New("vectors: no garlic message is expected")
	}
	v.Garlic = &OneTime{Tag: bytes.Clone(key.Tag[:]), Body: bytes.Clone(body)}
	o, err := ratchet.OpenTagged(key.Key, bytes.Clone(body))
	if err != nil {
		return i2np.Message{}, err
	}
	if len(o.Cloves) != 1 {
		return i2np.Message{}, fmt.Errorf("vectors: a wrapped build reply with %d cloves", len(o.Cloves))
	}
	return o.Cloves[0].Message, nil
}

// Reply notes the last message.
func (v *TunnelBuild) Reply(from string, m i2np.Message) {
	v.Messages = append(v.Messages, BuildMessage{From: from, To: "creator", Type: int(m.Type), Body: bytes.Clone(m.Body)})
}
