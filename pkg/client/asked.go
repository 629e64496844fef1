package client

import (
	"time"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
	"i2ptoolkit/pkg/options"
	"i2ptoolkit/pkg/ratchet"
	"i2ptoolkit/pkg/stream"
	"i2ptoolkit/pkg/streaming"
)

// What options make of the engines below.

// hybrid is the ML-KEM hybrid among a destination's encryption types; 0 for none.
func hybrid(o options.Options) ratchet.EncryptionType {
	for _, t := range o.Encryption {
		if t != i2p.CryptoX25519 {
			return ratchet.EncryptionType(t)
		}
	}
	return 0
}

// encryptionKeys are those of our lease sets. One X25519 key serves all types:
// a peer is then the same to us whichever it uses.
func (c *Client) encryptionKeys() (keys []leaseset.EncryptionKey) {
	for _, t := range c.cfg.Options.Encryption {
		keys = append(keys, leaseset.EncryptionKey{Type: t, Key: c.static.Public[:]})
	}
	return keys
}

// noKeepAlive is in the place of what the streaming library calls doing nothing.
const noKeepAlive = 24 * time.Hour

// streams is how the destination's streams are set up.
func (c *Client) streams(o options.Options) stream.Config {
	s, l := o.Streaming, o.Streaming.Limits
	sc := c.cfg.Stream
	if sc.Rand == nil {
		sc.Rand = c.cfg.Rand
	}
	sc.Keys, sc.Now, sc.Send, sc.Stalled = c.cfg.Keys, c.cfg.Now, c.send, c.stalled
	sc.Quiet, sc.WriteBuffer = func() { c.tunnels.Suspect() }, s.WriteBuffer
	if o.Access.Rule != options.Everybody {
		sc.Allows = o.Access.Allows
	}
	sc.Engine = streaming.Config{
		PathRTT: c.pathRTT, InitialRTO: s.InitialRTO, MTU: s.MTU, MaxWindow: s.MaxWindow, NoPong: s.Silent,
		Limits: streaming.Limits{
			Streams: l.Streams, PeerPerMinute: l.PeerPerMinute, PeerPerHour: l.PeerPerHour,
			TotalPerMinute: l.TotalPerMinute, TotalPerHour: l.TotalPerHour, Reset: l.Reset,
		},
	}
	switch s.InactivityAction {
	case options.InactivityNothing:
		sc.Engine.KeepAlive = noKeepAlive
	case options.InactivityDisconnect:
		sc.Engine.Idle = s.InactivityTimeout
	case options.InactivitySend:
		sc.Engine.KeepAlive = s.InactivityTimeout
	}
	return sc
}
