package ratchet

import (
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"time"

	"i2ptoolkit/pkg/draw"
	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/noise"
)

// expected holds the one-time tags that we gave away in requests.
type expected struct {
	limit int
	tags  map[uint64]oneTime
	order []uint64 // as added; may hold tags since removed
}

type oneTime struct {
	key     [32]byte
	expires time.Time
}

func newExpected(limit int) expected {
	return expected{limit: limit, tags: map[uint64]oneTime{}}
}

func (e *expected) len() int { return len(e.tags) }

func (e *expected) add(now time.Time, key [32]byte, tag [tagLen]byte, lifetime time.Duration) {
	t := binary.LittleEndian.Uint64(tag[:])
	if _, there := e.tags[t]; !there {
		e.order = append(e.order, t)
	}
	e.tags[t] = oneTime{key, now.Add(lifetime)}
	for len(e.tags) > e.limit {
		delete(e.tags, e.order[0])
		e.order = e.order[1:]
	}
	if len(e.order) > 2*e.limit {
		e.sweep(now)
	}
}

func (e *expected) find(now time.Time, tag uint64) (*[32]byte, bool) {
	o, ok := e.tags[tag]
	if !ok || now.After(o.expires) {
		return nil, false
	}
	return &o.key, true
}

func (e *expected) remove(tag uint64) { delete(e.tags, tag) }

func (e *expected) sweep(now time.Time) {
	e.order = slices.DeleteFunc(e.order, func(t uint64) bool {
		o, ok := e.tags[t]
		if ok && now.After(o.expires) {
			delete(e.tags, t)
			ok = false
		}
		return !ok
	})
}

// SealTagged seals cloves with the key and tag of a request: the reply to a
// lookup, or a tunnel build reply from the outbound endpoint
// (TUNNEL-CREATION-ECIES, Garlic Encryption). rnd draws the padding's length;
// nil is crypto/rand.
func SealTagged(rnd io.Reader, key [32]byte, tag [8]byte, cloves []i2np.Clove) ([]byte, error) {
	pad := drawPadding(rnd)
	if clovesLen(cloves) > maxPayload {
		return nil, ErrTooLong
	}
	b := append(make([]byte, 0, clovesLen(cloves)+maxOverhead), tag[:]...)
	b = appendCloves(b, cloves)
	b = appendPadding(b, tagLen, pad) // i2pd reads the first block only: the clove
	return sealAEAD(&key, 0, b), nil
}

// OpenTagged opens, in place, what SealTagged sealed.
func OpenTagged(key [32]byte, body []byte) (*Opened, error) {
	b, err := openAEAD(&key, 0, body)
	if err != nil {
		return nil, err
	}
	return readAlone(b, OneTime)
}

// minRouter is the least message to a router: a key and a DateTime.
const minRouter = 32 + blockHeaderLen + 4 + macLen

// protocolN is the Noise name of messages to routers.
const protocolN = "Noise_N_25519_ChaChaPoly_SHA256"

func initialN(responder [32]byte) noise.State {
	st := noise.New(protocolN)
	st.MixHash(nil)
	st.MixHash(responder[:])
	return st
}

// SealToRouter seals cloves to a router's encryption key (ECIES-ROUTERS): an
// ephemeral key as it is, then the payload. A nil rnd is crypto/rand.
func SealToRouter(rnd io.Reader, now time.Time, static [32]byte, cloves []i2np.Clove) ([]byte, error) {
	if clovesLen(cloves) > maxPayload {
		return nil, ErrTooLong
	}
	pad := drawPadding(rnd)
	eph := noise.GenerateKey(rnd)
	st := initialN(static)
	st.MixHash(eph.Public[:])
	if err := mixDH(&st, eph, static); err != nil {
		return nil, fmt.Errorf("ratchet: router's key: %w", err)
	}
	p := appendDateTime(make([]byte, 0, clovesLen(cloves)+maxOverhead), now)
	p = appendPadding(appendCloves(p, cloves), 0, pad)
	b := append(make([]byte, 0, len(eph.Public)+len(p)+macLen), eph.Public[:]...)
	return noise.Seal(b, &st.K, 0, st.H[:], p), nil
}

// OpenRouter opens, in place, a message to the router with the given static
// key. It refuses one whose date is missing or out of range; Router
// refuses repetitions.
func OpenRouter(static noise.KeyPair, now time.Time, body []byte) (*Opened, error) {
	if len(body) < minRouter {
		return nil, ErrShort
	}
	st := initialN(static.Public)
	st.MixHash(body[:32])
	if err := mixDH(&st, static, [32]byte(body)); err != nil {
		return nil, ErrDecrypt
	}
	rest := body[32:]
	p, err := noise.Open(rest[:0], &st.K, 0, st.H[:], rest)
	if err != nil {
		return nil, ErrDecrypt
	}
	o, err := readAlone(p, RouterOnly)
	if err != nil {
		return nil, err
	}
	if !recent(now, o.Time) {
		return nil, ErrClock
	}
	return o, nil
}

func readAlone(b []byte, kind Kind) (*Opened, error) {
	o := &Opened{Kind: kind}
	p := payload{cloveLimit: Limits{}.withDefaults().CloveCount}
	if err := p.parse(b, o.room[:0]); err != nil {
		return nil, err
	}
	o.Cloves, o.Time = p.cloves, p.time
	return o, nil
}

func drawPadding(rnd io.Reader) byte {
	var b [1]byte
	draw.Fill(rnd, b[:])
	return b[0]
}
