package ntcp2

import (
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/dchest/siphash"
	"golang.org/x/crypto/chacha20poly1305"

	"i2ptoolkit/pkg/draw"
	"i2ptoolkit/pkg/noise"
)

// A data phase frame (NTCP2, Data Phase):
//
//	0  2 bytes, big-endian size of what follows, 16 to 65535, masked by SipHash
//	2  ChaCha20-Poly1305 ciphertext of the blocks, with the MAC
const (
	lengthLen  = 2
	macLen     = noise.MACLen
	MaxFrame   = 65535              // bytes behind the length field
	MaxPayload = MaxFrame - macLen  // bytes of blocks in one frame
	frameRoom  = lengthLen + macLen // what a frame adds to its payload
)

// ErrAEAD means that a data phase frame did not authenticate.
var ErrAEAD = errors.New("ntcp2: frame does not authenticate")

// ErrFraming means a length field that no frame can have.
var ErrFraming = errors.New("ntcp2: impossible frame length")

// lengthMask is the SipHash state of one direction.
type lengthMask struct {
	k1, k2 uint64
	iv     [8]byte
}

func newLengthMask(keys [32]byte) lengthMask {
	return lengthMask{
		k1: binary.LittleEndian.Uint64(keys[0:]),
		k2: binary.LittleEndian.Uint64(keys[8:]),
		iv: [8]byte(keys[16:24]),
	}
}

// next moves to the next frame and returns its mask.
func (m *lengthMask) next() uint16 {
	v := siphash.Hash(m.k1, m.k2, m.iv[:])
	binary.LittleEndian.PutUint64(m.iv[:], v)
	return uint16(v)
}

// direction is the state of the frames that go one way. The counter cannot
// reach its forbidden last value: at 2^40 frames a day that takes 2^24 days.
type direction struct {
	aead  cipher.AEAD
	nonce [chacha20poly1305.NonceSize]byte
	n     uint64
	mask  lengthMask
}

func newDirection(key, sip [32]byte) direction {
	aead, err := chacha20poly1305.New(key[:])
	if err != nil {
		panic("ntcp2: " + err.Error()) // the key has 32 bytes
	}
	return direction{aead: aead, mask: newLengthMask(sip)}
}

func (d *direction) nextNonce() []byte {
	binary.LittleEndian.PutUint64(d.nonce[4:], d.n)
	return d.nonce[:]
}

// dataPhase derives both directions, Alice's sending one first (NTCP2, KDF
// for data phase).
func dataPhase(s *noise.State) (ab, ba direction) {
	kab, kba := s.Split()
	var ask, sip [32]byte
	noise.HKDF(ask[:], s.CK[:], nil, "ask")
	noise.HKDF(sip[:], ask[:], append(append([]byte(nil), s.H[:]...), "siphash"...), "")
	sab, sba := noise.HKDF2(sip[:], nil, "")
	return newDirection(kab, sab), newDirection(kba, sba)
}

// Sender seals frames. One goroutine owns it.
type Sender struct {
	direction
	pad padder
}

func newSender(d direction, rand *draw.Source, ours Options) *Sender {
	return &Sender{direction: d, pad: newPadder(rand, ours)}
}

// Negotiate takes the peer's Options block into account.
func (s *Sender) Negotiate(ours, theirs Options) { s.pad.negotiate(ours, theirs) }

// Begin starts a frame at the end of out: append blocks to what it returns,
// then call Seal with the old length of out.
func Begin(out []byte) []byte { return append(out, 0, 0) }

// Seal pads, encrypts and masks the frame that starts at out[at:], in place
// where out has room for the padding and the MAC. The blocks may take up to
// MaxPayload bytes; their padding is cut to fit.
func (s *Sender) Seal(out []byte, at int) []byte {
	payload := len(out) - at - lengthLen
	if payload < 0 || payload > MaxPayload {
		panic(fmt.Sprintf("ntcp2: frame with a payload of %d bytes", payload))
	}
	if n := min(s.pad.length(payload), MaxPayload-payload-blockHeaderLen); n >= 0 {
		out = AppendPadding(out, n)
	}
	body := at + lengthLen
	sealed := s.aead.Seal(out[:body], s.nextNonce(), out[body:], nil)
	s.n++
	binary.BigEndian.PutUint16(sealed[at:], uint16(len(sealed)-body)^s.mask.next())
	return sealed
}

// Receiver opens frames. One goroutine owns it.
type Receiver struct {
	direction
	length int // of the frame at hand; 0 before its length field was read
}

// Need is how many bytes must lie at hand for Open to make progress.
func (r *Receiver) Need() int {
	if r.length == 0 {
		return lengthLen
	}
	return lengthLen + r.length
}

// Frames is the number of valid frames so far, for the Termination block.
func (r *Receiver) Frames() uint64 { return r.n }

// Open opens the frame at the start of b in place. It returns its blocks and
// how many bytes of b were used; both are zero while the frame is incomplete,
// and the caller brings the same bytes and more again. It fails with ErrAEAD
// or ErrFraming, after which the session must end.
func (r *Receiver) Open(b []byte) (payload []byte, used int, err error) {
	if r.length == 0 {
		if len(b) < lengthLen {
			return nil, 0, nil
		}
		n := int(binary.BigEndian.Uint16(b) ^ r.mask.next())
		if n < macLen {
			return nil, 0, fmt.Errorf("%w: %d bytes", ErrFraming, n)
		}
		r.length = n
	}
	end := lengthLen + r.length
	if len(b) < end {
		return nil, 0, nil
	}
	frame := b[lengthLen:end:end]
	payload, err = r.aead.Open(frame[:0], r.nextNonce(), frame, nil)
	if err != nil {
		return nil, 0, ErrAEAD
	}
	r.n++
	r.length = 0
	return payload, end, nil
}
