package i2cpserver

import (
	"fmt"
	"io"

	"i2ptoolkit/pkg/i2cp"
)

// What a connection's buffer has: while it has no session, and for the payloads of one. A longer message has it grow
// for as long as it takes.
const (
	firstRoom   = 1 << 10
	sessionRoom = 32 << 10
)

// maxGreeting bounds the body of the first message: a name and a password, or the options of a session with its keys.
// Nobody has to be held more for of whom nothing is known.
const maxGreeting = 8 << 10

// reader reads messages. It has no more memory than twice what has come of one.
type reader struct {
	from io.Reader
	buf  []byte
	at   int // where in buf what was not taken begins
	room int // what buf has where nothing longer is read
}

// need reads until n bytes are there.
func (r *reader) need(n int) error {
	for len(r.buf)-r.at < n {
		left := r.buf[r.at:]
		switch {
		case len(left) == 0 && cap(r.buf) == r.room:
			r.buf, r.at = r.buf[:0], 0
		case len(left) == 0:
			r.buf, r.at = make([]byte, 0, r.room), 0
		case len(r.buf) < cap(r.buf):
		case r.at > 0:
			r.buf, r.at = r.buf[:copy(r.buf, left)], 0
		default:
			r.buf = append(make([]byte, 0, max(r.room, min(n, 2*cap(r.buf)))), r.buf...)
		}
		got, err := r.from.Read(r.buf[len(r.buf):cap(r.buf)])
		r.buf = r.buf[:len(r.buf)+got]
		if err == io.EOF && len(r.buf) > r.at {
			err = io.ErrUnexpectedEOF
		}
		if err != nil && len(r.buf)-r.at < n {
			return err
		}
	}
	return nil
}

// first takes the byte that a connection begins with.
func (r *reader) first() (byte, error) {
	if err := r.need(1); err != nil {
		return 0, err
	}
	r.at++
	return r.buf[r.at-1], nil
}

// next takes a message, whose body is good until the next call, and has at most so many bytes.
func (r *reader) next(most int) (i2cp.Type, []byte, error) {
	if err := r.need(i2cp.HeaderLen); err != nil {
		return 0, nil, err
	}
	kind, n := i2cp.ParseHeader([i2cp.HeaderLen]byte(r.buf[r.at:]))
	if n > uint32(most) {
		return 0, nil, fmt.Errorf("%w: %v of %d bytes, at most %d", i2cp.ErrTooLong, kind, n, most)
	}
	whole := i2cp.HeaderLen + int(n)
	if err := r.need(whole); err != nil {
		return 0, nil, err
	}
	body := r.buf[r.at+i2cp.HeaderLen : r.at+whole : r.at+whole]
	r.at += whole
	return kind, body, nil
}
