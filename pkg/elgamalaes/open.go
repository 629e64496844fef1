package elgamalaes

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"time"

	"i2ptoolkit/pkg/aescbc"
	"i2ptoolkit/pkg/elgamal"
	"i2ptoolkit/pkg/i2np"
)

// minNew is the least new session message: an ElGamal block, and an AES block of three times 16 bytes.
const minNew = elgamal.BlockLen + (blockMin+aescbc.BlockLen-1)/aescbc.BlockLen*aescbc.BlockLen

// Knows reports whether a body bears a tag that is listened to. To open one that does costs little. Any other is a
// new session message or nothing, which Open finds out by an ElGamal decryption: it is the caller's
// to say how much of the processor that may take.
func (s *Sessions) Knows(now time.Time, body []byte) bool {
	return len(body) > tagLen && len(body)%aescbc.BlockLen == 0 && s.incoming.find(now, tag(body)) != nil
}

// MayBegin reports whether a body has the form of a new session message.
func MayBegin(body []byte) bool {
	return len(body) >= minNew && (len(body)-elgamal.BlockLen)%aescbc.BlockLen == 0 &&
		elgamal.Plausible((*[elgamal.BlockLen]byte)(body))
}

// Open opens a garlic body, without its length field. It may decrypt in place: the body is not to be used again
// where it bears a tag, or was opened; what is no new session message is left as it is. The cloves alias it.
//
// What fails to open changes nothing but counters, whatever its tag.
func (s *Sessions) Open(now time.Time, body []byte) (*Opened, error) {
	if s.Knows(now, body) {
		return s.openExisting(now, body)
	}
	if !MayBegin(body) {
		s.stats.Failed++
		return nil, ErrShort
	}
	return s.openNew(now, body)
}

func (s *Sessions) openExisting(now time.Time, body []byte) (*Opened, error) {
	t := tag(body)
	n := s.incoming.find(now, t)
	v := iv(t)
	n.aes.Decrypt(&v, body[tagLen:], body[tagLen:])
	b, garlic, err := s.read(now, body[tagLen:])
	if err != nil {
		return nil, err
	}
	s.incoming.consume(t)
	s.receive(now, n.key, b, true)
	s.stats.ExistingOpened++
	return s.opened(now, garlic, false), nil
}

func (s *Sessions) openNew(now time.Time, body []byte) (*Opened, error) {
	rate := float64(s.limits.PerSecond)
	if !s.fresh.Take(now, 1, rate, rate) {
		s.stats.Busy++
		return nil, ErrBusy
	}
	data, err := s.key.Decrypt((*[elgamal.BlockLen]byte)(body))
	if err != nil {
		s.stats.Failed++
		return nil, fmt.Errorf("%w: %w", ErrDecrypt, err)
	}
	defer clear(data[:])
	// A block can be made another that decrypts to the same by whoever has it and our public key:
	// what tells a repetition is what is in it.
	sum := sha256.Sum256(data[:keyLen+32])
	name := binary.BigEndian.Uint64(sum[:])
	if s.replays.has(name) {
		s.stats.Replayed++
		return nil, ErrReplay
	}
	key := [keyLen]byte(data[:])
	v := iv([32]byte(data[keyLen:]))
	rest := body[elgamal.BlockLen:]
	aescbc.NewDecrypter(&key).Decrypt(&v, rest, rest)
	b, garlic, err := s.read(now, rest)
	if err != nil {
		return nil, err
	}
	if !s.replays.add(name, garlic.Expiration.Time().Add(i2np.MaxAge)) {
		s.stats.Busy++
		return nil, ErrBusy
	}
	s.receive(now, key, b, false)
	s.sweep(now)
	s.stats.NewOpened++
	return s.opened(now, garlic, true), nil
}

// read parses a decrypted block, and what is in it.
func (s *Sessions) read(now time.Time, plain []byte) (b block, g i2np.Garlic, err error) {
	if b, err = parseBlock(plain); err != nil {
		s.stats.Failed++
		return block{}, g, err
	}
	if g, err = i2np.ParseGarlicCloves(b.payload, s.limits.Cloves); err != nil {
		s.stats.Malformed++
		return block{}, g, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if i2np.CheckExpiration(now, g.Expiration) != nil {
		s.stats.BadClock++
		return block{}, i2np.Garlic{}, ErrClock
	}
	return b, g, nil
}

// receive takes the tags of a block, which came with a tag that was delivered before, or not.
func (s *Sessions) receive(now time.Time, key [keyLen]byte, b block, tagged bool) {
	if b.newKey != nil {
		key = [keyLen]byte(b.newKey)
	}
	if len(b.tags) > 0 {
		s.stats.TagsReceived += uint64(s.incoming.add(now, key, b.tags, tagged))
		s.sweep(now)
	}
}

// opened has the cloves of a message that have not expired.
func (s *Sessions) opened(now time.Time, g i2np.Garlic, isNew bool) *Opened {
	o := &Opened{New: isNew}
	for _, c := range g.Cloves {
		if i2np.CheckExpiration(now, c.Expiration) != nil {
			s.stats.BadClock++
			continue
		}
		o.Cloves = append(o.Cloves, c.Clove)
	}
	return o
}

// replays remembers new session messages for as long as they could be accepted.
type replays struct {
	limit int
	seen  map[uint64]time.Time // until when
}

func (r *replays) has(name uint64) bool { _, ok := r.seen[name]; return ok }

// add remembers one, or reports false where there is no room: then the message must be refused, or it could be
// replayed.
func (r *replays) add(name uint64, until time.Time) bool {
	if len(r.seen) >= r.limit {
		return false
	}
	if r.seen == nil {
		r.seen = make(map[uint64]time.Time)
	}
	r.seen[name] = until
	return true
}

func (r *replays) expire(now time.Time) {
	for name, until := range r.seen {
		if now.After(until) {
			delete(r.seen, name)
		}
	}
}
