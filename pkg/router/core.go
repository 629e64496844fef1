package router

import (
	"time"

	"i2ptoolkit/pkg/draw"
	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/netdb"
	"i2ptoolkit/pkg/profile"
	"i2ptoolkit/pkg/ratchet"
	"i2ptoolkit/pkg/routerinfo"
	"i2ptoolkit/pkg/tunnel"
)

// core is what the parts of a router have in common: the settings, the time of
// the turn, who is known, the counts, and what is to be sent.
type core struct {
	cfg       Config
	rand      *draw.Source
	now       time.Time
	db        *netdb.DB
	peers     *profile.Table
	senders   map[i2p.Hash]netdb.Sender // those whose session with us stands
	counts    Counts
	window    window               // fates are of tunnels that were asked for in it
	endpoints tunnel.EndpointStats // of all tunnels that end here
	tray      []outgoing
	serves    bool // who publishes here is told that it is kept
}

// outgoing is a message to be sent to a router, over its session or a new one.
type outgoing struct {
	to     i2p.Hash
	msg    i2np.Message
	failed func() // nil: nobody asks
}

// window is a span of time; the zero window has no ends.
type window struct{ from, until time.Time }

func (w window) has(t time.Time) bool {
	return !t.Before(w.from) && (w.until.IsZero() || t.Before(w.until))
}

// messageLife is how long our own messages live at most (NETWORK: no more than 60 s ahead).
const messageLife = 30 * time.Second

func (c *core) message(t i2np.Type, body []byte) i2np.Message {
	return i2np.Message{Type: t, ID: c.rand.Nonzero32(), Expiration: i2np.Expiration(c.now, messageLife, c.rand.Uint64()), Body: body}
}

// send puts a message on the tray. It takes ownership of it.
func (c *core) send(to i2p.Hash, m i2np.Message) { c.sendOr(to, m, nil) }

// sendOr is send; failed is called where there is no way to the router.
func (c *core) sendOr(to i2p.Hash, m i2np.Message, failed func()) {
	c.tray = append(c.tray, outgoing{to, m, failed})
}

// toTunnel sends a message to the gateway of a tunnel of somebody's. It borrows
// the message.
func (c *core) toTunnel(gateway i2p.Hash, tunnel uint32, m i2np.Message) {
	wrapped := i2np.AppendTunnelGateway(make([]byte, 0, i2np.TunnelGatewayHeaderLen+m.StandardLen()), tunnel, m)
	c.send(gateway, c.message(i2np.TunnelGatewayType, wrapped))
}

// garlicTo wraps a message so that only the router with that key reads it
// (ECIES routers, Noise_N).
func (c *core) garlicTo(ri *routerinfo.RouterInfo, m i2np.Message) (i2np.Message, error) {
	static, ok := ri.EncryptionKey()
	if !ok {
		return i2np.Message{}, ratchet.ErrType
	}
	body, err := ratchet.SealToRouter(c.rand, c.now, static, []i2np.Clove{{Message: m}})
	if err != nil {
		return i2np.Message{}, err
	}
	return c.message(i2np.GarlicType, i2np.AppendGarlic(nil, body)), nil
}

// notTaken counts an answer that did not come as it was asked for: it strayed
// where it is one that somebody waits for.
func (c *core) notTaken(strayed bool) {
	if strayed {
		c.counts.Strayed++
	} else {
		c.counts.Unknown++
	}
}

func (c *core) event(kind string, peer i2p.Hash, id uint32, owner, detail string) {
	c.cfg.Event(Event{Kind: kind, Router: peer, Tunnel: id, Owner: owner, Detail: detail})
}
