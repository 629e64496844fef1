package tunnel

import (
	"errors"
	"fmt"
	"io"
	"time"

	"i2ptoolkit/pkg/buf"
	"i2ptoolkit/pkg/draw"
	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/noise"
)

// How far a request's time may be from ours. It is in whole minutes, rounded
// down.
const (
	maxRequestAge    = 8 * time.Minute
	maxRequestFuture = 5 * time.Minute
)

// Errors of build requests that a caller counts apart.
var (
	ErrNotForUs = errors.New("no build record for this router")
	ErrReplayed = errors.New("build record seen before")
	ErrStale    = errors.New("build request too old or from the future")
)

// Role is a hop's place in a tunnel.
type Role byte

// The roles of a hop.
const (
	RoleParticipant Role = iota
	RoleGateway          // of an inbound tunnel
	RoleEndpoint         // of an outbound tunnel
)

// String returns a word for the role.
func (r Role) String() string {
	return [...]string{"participant", "gateway", "endpoint"}[r]
}

// Request is a build request that a router found for itself in a message.
type Request struct {
	Role          Role
	ReceiveTunnel uint32
	NextTunnel    uint32   // an endpoint's: the tunnel to reply into
	NextRouter    i2p.Hash // an endpoint's: the gateway to reply to
	ReplyID       uint32   // the ID of the message that Answer makes
	Time          time.Time
	Lifetime      time.Duration // as asked for; Lifetime is what is given
	Options       i2p.Mapping
	Bandwidth     Bandwidth
	Keys          LayerKeys

	// Garlic is the key for wrapping an endpoint's reply; nil with other
	// roles and in the long form. No need to wrap where NextRouter is us.
	Garlic *GarlicKey

	message i2np.Type
	records []byte
	index   int
	keys    recordKeys
}

// OpenRequest finds and decrypts this router's record in a build message,
// which it borrows. It costs an X25519 exchange once a record is found.
func OpenRequest(us i2p.Hash, static noise.KeyPair, now time.Time, m i2np.Message) (*Request, error) {
	return (&Opener{Us: us, Static: static}).Open(now, m)
}

// Opener opens build requests for one router.
type Opener struct {
	Us     i2p.Hash
	Static noise.KeyPair
	Replay *ReplayFilter // nil: replays are not noticed
}

// Open is OpenRequest with a replay filter. It is safe for concurrent use.
func (o *Opener) Open(now time.Time, m i2np.Message) (*Request, error) {
	switch m.Type {
	case i2np.ShortTunnelBuildType, i2np.VariableTunnelBuildType, i2np.TunnelBuildType:
	default:
		return nil, fmt.Errorf("tunnel: %v is no build request", m.Type)
	}
	records, err := i2np.ParseBuildRecords(m.Type, m.Body)
	if err != nil {
		return nil, fmt.Errorf("tunnel: build request: %w", err)
	}
	for i := range records.Len() {
		record := records.Record(i)
		if [toPeerLen]byte(record) != [toPeerLen]byte(o.Us[:]) {
			continue
		}
		if o.Replay != nil && o.Replay.has(record) {
			return nil, fmt.Errorf("tunnel: %w", ErrReplayed)
		}
		r := &Request{message: m.Type, records: records.Records, index: i}
		if err := r.open(o, now, record); err != nil {
			return nil, err
		}
		if o.Replay != nil && !o.Replay.add(now, record) {
			return nil, fmt.Errorf("tunnel: %w", ErrReplayed)
		}
		return r, nil
	}
	return nil, fmt.Errorf("tunnel: %w", ErrNotForUs)
}

func (r *Request) open(o *Opener, now time.Time, record []byte) error {
	state, plaintext, err := openRequest(record, &o.Static)
	if err != nil {
		return fmt.Errorf("tunnel: build record: %w", err)
	}
	p, err := parseRequest(plaintext)
	if err != nil {
		return err
	}
	switch p.flags & (flagGateway | flagEndpoint) {
	case flagGateway:
		r.Role = RoleGateway
	case flagEndpoint:
		r.Role = RoleEndpoint
	case flagGateway | flagEndpoint:
		return errors.New("tunnel: build request for gateway and endpoint at once")
	}
	if p.receiveTunnel == 0 || p.nextTunnel == 0 {
		return errors.New("tunnel: build request with a zero tunnel ID")
	}
	if p.nextRouter == o.Us && r.Role != RoleEndpoint {
		return errors.New("tunnel: build request whose next hop is this router")
	}
	if p.encryption != 0 {
		return fmt.Errorf("tunnel: layer encryption type %d, only 0 is known", p.encryption)
	}
	r.Time = time.Unix(int64(p.minutes)*60, 0)
	if age := now.Sub(r.Time); age > maxRequestAge || -age > maxRequestFuture {
		return fmt.Errorf("tunnel: request time %v off: %w", age, ErrStale)
	}
	if r.message == i2np.ShortTunnelBuildType {
		r.keys = deriveShort(&state, r.Role == RoleEndpoint)
		if r.Role == RoleEndpoint {
			r.Garlic = &r.keys.garlic
		}
	} else {
		r.keys = longKeys(&state, &p)
	}
	r.ReceiveTunnel, r.NextTunnel, r.NextRouter = p.receiveTunnel, p.nextTunnel, p.nextRouter
	r.ReplyID, r.Lifetime = p.sendMessageID, time.Duration(p.expiration)*time.Second
	r.Options, r.Bandwidth, r.Keys = p.options, parseBandwidth(p.options), r.keys.layer
	return nil
}

// Answer writes the hop's reply with a code and options, and encrypts the
// other records. A participant or gateway sends the message to NextRouter as
// it is. An endpoint's is a reply: it is sealed with Garlic, if there is
// one, and goes to NextTunnel at NextRouter. The message owns its buffer.
func (r *Request) Answer(now time.Time, rand io.Reader, code byte, options i2p.Mapping) (i2np.Message, error) {
	out := i2np.Message{Type: r.message, ID: r.ReplyID}
	if r.Role == RoleEndpoint {
		out.Type = map[i2np.Type]i2np.Type{
			i2np.ShortTunnelBuildType:    i2np.OutboundTunnelBuildReplyType,
			i2np.VariableTunnelBuildType: i2np.VariableTunnelBuildReplyType,
			i2np.TunnelBuildType:         i2np.TunnelBuildReplyType,
		}[r.message]
	}
	b := i2np.BuildRecords{Type: out.Type, Records: r.records}.AppendTo(nil)
	records := b[len(b)-len(r.records):]
	own := recordAt(records, r.keys.short, r.index)
	if err := writeReply(own[:len(own)-noise.MACLen], rand, code, options); err != nil {
		return i2np.Message{}, err
	}
	out.Expiration = i2np.Expiration(now, buildExpiration, draw.From(rand).Uint64())
	r.keys.sealReply(own, r.index)
	for i := range len(records) / len(own) {
		if i != r.index {
			r.keys.encryptOther(recordAt(records, r.keys.short, i), i)
		}
	}
	out.Owner = buf.Copy(b)
	out.Body = out.Owner.Bytes()
	return out, nil
}

// writeReply fills a reply record in clear text.
func writeReply(b []byte, rand io.Reader, code byte, options i2p.Mapping) error {
	opts := options.AppendTo(nil)
	if len(opts) >= len(b) {
		return fmt.Errorf("tunnel: reply options of %d bytes, at most %d", len(opts), len(b)-1)
	}
	n := copy(b, opts)
	draw.Fill(rand, b[n:])
	b[len(b)-1] = code
	return nil
}

// NewParticipant makes the engine of an accepted request in this role.
func (r *Request) NewParticipant(rand io.Reader, budget *Budget) *Participant {
	return NewParticipant(ParticipantConfig{
		Keys: r.Keys, NextRouter: r.NextRouter, NextTunnel: r.NextTunnel, Budget: budget, Rand: rand,
	})
}

// NewGateway makes the engine of an accepted request in this role.
func (r *Request) NewGateway(rand io.Reader) *Gateway {
	return NewGateway(GatewayConfig{Keys: r.Keys, NextRouter: r.NextRouter, NextTunnel: r.NextTunnel, Rand: rand})
}

// NewEndpoint makes the engine of an accepted request in this role.
func (r *Request) NewEndpoint(budget *Budget, counts *EndpointStats) *Endpoint {
	return NewEndpoint(EndpointConfig{Keys: r.Keys, Budget: budget, Counts: counts})
}
