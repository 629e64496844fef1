package tunnel

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"i2ptoolkit/pkg/buf"
	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
)

// ErrTooLong means that a message does not fit into 64 fragments.
var ErrTooLong = errors.New("message too long for a tunnel")

// framer turns messages into tunnel messages (Message preprocessing). It
// fills one at a time; flush ends it, so that nothing waits for company. The
// gateway or creator encrypts what comes out.
type framer struct {
	to     i2p.Hash
	id     uint32        // tunnel ID at to
	random *rand.ChaCha8 // of IVs, padding and message IDs

	cur     *buf.Buf
	used    int // payload bytes in cur, from payloadStart
	expires i2p.Date
}

// While a tunnel message fills, its payload stands directly behind the place
// of the zero byte; flush moves it to the end.
const payloadStart = paddingStart + 1

// add puts a message, which is head followed by body, behind what is there.
func (f *framer) add(dst []Out, now time.Time, a *address, id uint32, head, body []byte) ([]Out, error) {
	total := len(head) + len(body)
	if total > i2np.MaxTunnelMessage || total < i2np.StandardHeaderLen {
		return dst, fmt.Errorf("tunnel: message of %d bytes: %w", total, ErrTooLong)
	}
	f.expires = i2np.Expiration(now, dataExpiration, f.random.Uint64())
	n := a.len()
	if f.cur != nil && !f.worthFilling(n, total) {
		dst = f.flush(dst)
	}
	room := f.room()
	if n+wholeTrailer+total <= room {
		p := f.extend(n + wholeTrailer + total)
		a.put(p, false)
		binary.BigEndian.PutUint16(p[n:], uint16(total))
		copy(p[n+wholeTrailer+copy(p[n+wholeTrailer:], head):], body)
		return dst, nil
	}
	for id == 0 {
		id = uint32(f.random.Uint64())
	}
	size := room - n - firstTrailer
	p := f.extend(room)
	a.put(p, true)
	binary.BigEndian.PutUint32(p[n:], id)
	binary.BigEndian.PutUint16(p[n+4:], uint16(size))
	part(p[n+firstTrailer:], head, body, 0)
	for number, at := 1, size; at < total; number++ {
		dst = f.flush(dst)
		size = min(total-at, maxFollowOn)
		p = f.extend(followOnLen + size)
		p[0] = flagFollowOn | byte(number)<<1
		if at+size == total {
			p[0] |= 1
		}
		binary.BigEndian.PutUint32(p[1:], id)
		binary.BigEndian.PutUint16(p[5:], uint16(size))
		part(p[followOnLen:], head, body, at)
		at += size
	}
	return dst, nil
}

// worthFilling reports whether a message should begin in the current tunnel
// message: when it fits, or when splitting it saves a tunnel message.
func (f *framer) worthFilling(n, total int) bool {
	if n+wholeTrailer+total <= f.room() {
		return true
	}
	if f.room() <= n+firstTrailer {
		return false
	}
	return more(n, total, f.room()) < 1+more(n, total, maxPayload)
}

// more is the number of tunnel messages that a message begins beyond the one
// whose room it starts in.
func more(n, total, room int) int {
	if n+wholeTrailer+total <= room {
		return 0
	}
	rest := total - (room - n - firstTrailer)
	return (rest + maxFollowOn - 1) / maxFollowOn
}

// part copies from offset at of head followed by body.
func part(dst, head, body []byte, at int) {
	n := 0
	if at < len(head) {
		n = copy(dst, head[at:])
		at = len(head)
	}
	copy(dst[n:], body[at-len(head):])
}

func (f *framer) room() int {
	if f.cur == nil {
		return maxPayload
	}
	return maxPayload - f.used
}

// extend returns the next n bytes of payload.
func (f *framer) extend(n int) []byte {
	if f.cur == nil {
		f.cur, f.used = buf.Get(i2np.TunnelDataLen), 0
	}
	at := payloadStart + f.used
	f.used += n
	return f.cur.Bytes()[at : at+n]
}

// flush completes the current tunnel message, if there is one, and appends
// it to dst: IV, checksum over payload and IV, padding.
func (f *framer) flush(dst []Out) []Out {
	if f.cur == nil {
		return dst
	}
	b := f.cur.Bytes()[:i2np.TunnelDataLen+ivLen] // the IV goes behind for the checksum
	body := b[:i2np.TunnelDataLen]
	start := i2np.TunnelDataLen - f.used
	copy(body[start:], body[payloadStart:payloadStart+f.used])
	fillNonzero(body[paddingStart:start-1], f.random)
	body[start-1] = 0
	iv := body[tunnelIDLen:dataStart]
	binary.LittleEndian.PutUint64(iv, f.random.Uint64())
	binary.LittleEndian.PutUint64(iv[8:], f.random.Uint64())
	copy(b[i2np.TunnelDataLen:], iv)
	sum := sha256.Sum256(b[start:])
	copy(body[dataStart:], sum[:checksumLen])
	binary.BigEndian.PutUint32(body, f.id)
	m := i2np.Message{
		Type:       i2np.TunnelDataType,
		ID:         uint32(f.random.Uint64()),
		Expiration: f.expires,
		Body:       body,
		Owner:      f.cur,
	}
	f.cur = nil
	return append(dst, Out{To: f.to, Message: m})
}
