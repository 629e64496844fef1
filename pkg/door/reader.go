package door

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"time"
)

// firstRoom is what the buffer of a connection has at first, and as long as nothing longer comes.
const firstRoom = 1 << 10

// ErrLong means that a line has no end where it is to have one.
var ErrLong = errors.New("the line is too long")

// Reader reads lines and what follows them. It has no more memory than twice what waits in it. One goroutine uses it at
// a time.
type Reader struct {
	conn net.Conn
	most int    // of a line, its end included
	buf  []byte // what was read and not taken
	err  error  // the end
}

// NewReader is one for lines of at most so many bytes.
func NewReader(conn net.Conn, most int) *Reader { return &Reader{conn: conn, most: most} }

// Err is what ended the connection, as far as it has been read; nil: nothing yet.
func (r *Reader) Err() error { return r.err }

// full tells whether no more is read before something is taken.
func (r *Reader) full() bool { return len(r.buf) >= r.most }

// fill reads what there is, once. Its error is the deadline's, or the end, which stays.
func (r *Reader) fill() error {
	if r.err != nil {
		return r.err
	}
	if len(r.buf) == cap(r.buf) {
		r.buf = append(make([]byte, 0, min(max(firstRoom, 2*cap(r.buf)), r.most)), r.buf...)
	}
	n, err := r.conn.Read(r.buf[len(r.buf):cap(r.buf)])
	r.buf = r.buf[:len(r.buf)+n]
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		r.err = err
	}
	return err
}

// Line takes the next line, without its end.
func (r *Reader) Line() (string, error) {
	for looked := 0; ; {
		if i := bytes.IndexByte(r.buf[looked:], '\n'); i >= 0 {
			line := string(r.buf[:looked+i])
			r.take(looked + i + 1)
			return line, nil
		}
		if looked = len(r.buf); r.full() {
			return "", ErrLong
		}
		if err := r.fill(); err != nil && len(r.buf) == looked { // what came with the end is looked at first
			return "", err
		}
	}
}

// take gives the buffer back that is not needed.
func (r *Reader) take(n int) {
	left := r.buf[n:]
	if cap(r.buf) > firstRoom && len(left) <= firstRoom {
		r.buf = append(make([]byte, 0, firstRoom), left...)
		return
	}
	r.buf = r.buf[:copy(r.buf, left)]
}

// Bytes takes the next n bytes.
func (r *Reader) Bytes(n int) ([]byte, error) {
	b := make([]byte, n)
	got := copy(b, r.buf)
	r.take(got)
	if got < n && r.err != nil {
		return nil, r.err
	}
	_, err := io.ReadFull(r.conn, b[got:])
	return b, err
}

// Rest takes all that was read: what follows is read of the connection itself.
func (r *Reader) Rest() []byte {
	b := r.buf
	r.buf = nil
	return b
}

// Watch reads ahead until stop is called, and calls gone where the connection ends before. What comes stays for those
// who read later; where there is too much of it, the end is not seen before some of it was taken.
func (r *Reader) Watch(gone func()) (stop func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		for !r.full() {
			if err := r.fill(); errors.Is(err, os.ErrDeadlineExceeded) {
				return
			} else if err != nil {
				gone()
				return
			}
		}
	}()
	return func() {
		r.conn.SetReadDeadline(time.Unix(1, 0))
		<-done
		r.conn.SetReadDeadline(time.Time{})
	}
}
