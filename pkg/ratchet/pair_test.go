package ratchet

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"
	"time"

	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/noise"
)

// start is the simulated time at which tests begin.
var start = time.Unix(1_760_000_000, 0)

// end is one side of a conversation.
type end struct {
	*Sessions
	t      testing.TB
	static noise.KeyPair
	typ    i2p.EncryptionType
	got    []string
	acks   []MessageID
}

func newEnd(t testing.TB, seed byte, cfg Config) *end {
	t.Helper()
	var rng io.Reader = rand.NewChaCha8([32]byte{seed})
	static := noise.GenerateKey(rng)
	cfg.Static, cfg.Rand = static, rng
	e := &end{Sessions: New(cfg), t: t, static: static, typ: i2p.CryptoX25519}
	if cfg.Hybrid != 0 {
		e.typ = cfg.Hybrid
	}
	return e
}

func (e *end) peer() Peer { return Peer{Static: e.static.Public, Type: e.typ} }

func clove(text string) i2np.Clove {
	return i2np.Clove{Message: i2np.Message{
		Type: i2np.DataType, ID: 7, Expiration: i2p.DateOf(start.Add(time.Minute)), Body: []byte(text),
	}}
}

// seal seals a message of one clove.
func (e *end) seal(now time.Time, to *end, text string) Sealed {
	e.t.Helper()
	return e.sealPayload(now, to, Payload{Cloves: []i2np.Clove{clove(text)}})
}

func (e *end) sealPayload(now time.Time, to *end, p Payload) Sealed {
	e.t.Helper()
	m, err := e.Seal(now, to.peer(), p)
	if err != nil {
		e.t.Fatalf("seal: %v", err)
	}
	return m
}

// open opens a message and notes what it said.
func (e *end) open(now time.Time, m Sealed) *Opened {
	e.t.Helper()
	o, err := e.Open(now, bytes.Clone(m.Body))
	if err != nil {
		e.t.Fatalf("open %v: %v", m.Kind, err)
	}
	if o.Kind != m.Kind {
		e.t.Fatalf("sealed as %v, opened as %v", m.Kind, o.Kind)
	}
	for _, c := range o.Cloves {
		e.got = append(e.got, string(c.Message.Body))
	}
	e.acks = append(e.acks, o.Acks...)
	return o
}

// say sends one message and checks its form and its arrival.
func say(now time.Time, from, to *end, text string, kind Kind) {
	from.t.Helper()
	m := from.seal(now, to, text)
	if m.Kind != kind {
		from.t.Fatalf("%q: sealed as %v, want %v", text, m.Kind, kind)
	}
	o := to.open(now, m)
	if len(o.Cloves) != 1 || string(o.Cloves[0].Message.Body) != text {
		from.t.Fatalf("%q: opened %+v", text, o.Cloves)
	}
	if o.From != from.static.Public {
		from.t.Fatalf("%q: from %x", text, o.From)
	}
}

// connected returns two ends with a session between them.
func connected(t testing.TB, cfg Config) (a, b *end) {
	t.Helper()
	a, b = newEnd(t, 1, cfg), newEnd(t, 2, cfg)
	say(start, a, b, "hello", NewSession)
	say(start, b, a, "hello yourself", NewSessionReply)
	say(start, a, b, "ready", ExistingSession)
	say(start, b, a, "ready too", ExistingSession)
	return a, b
}

// shuffle delivers messages in an order of the generator's.
func shuffle(rng *rand.Rand, ms []Sealed) {
	rng.Shuffle(len(ms), func(i, j int) { ms[i], ms[j] = ms[j], ms[i] })
}

func text(who string, i int) string { return fmt.Sprintf("%s %d", who, i) }

// standing reports whether there is a session with the other end that data can be sent on.
func (e *end) standing(now time.Time, with *end) bool {
	p := e.roster.peers[with.static.Public]
	return p != nil && p.current != nil && p.current.usable(now)
}

// forget drops the sessions with the other end.
func (e *end) forget(other *end) {
	if p := e.roster.peers[other.static.Public]; p != nil {
		for len(p.sessions) > 0 {
			e.roster.drop(p.sessions[0])
		}
	}
}

// restart has the end forget all but its key.
func (e *end) restart(seed byte) {
	e.Sessions = New(Config{Static: e.static, Rand: rand.NewChaCha8([32]byte{seed, 'r'})})
}
