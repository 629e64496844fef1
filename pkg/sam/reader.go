package sam

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"time"
)

// The longest line, its end included, and what a connection's buffer has at first.
const (
	maxLine   = 64 << 10
	firstRoom = 1 << 10
)

var errLong = errors.New("the line is longer than 64 KiB")

// reader reads lines and what follows them. One goroutine uses it at a time.
type reader struct {
	conn net.Conn
	buf  []byte // what was read and not taken
	err  error  // the end
}

// full tells whether no more is read before something is taken.
func (r *reader) full() bool { return len(r.buf) >= maxLine }

// fill reads what there is, once. Its error is the deadline's, or the end, which stays.
func (r *reader) fill() error {
	if r.err != nil {
		return r.err
	}
	if len(r.buf) == cap(r.buf) {
		r.buf = append(make([]byte, 0, min(max(firstRoom, 2*cap(r.buf)), maxLine)), r.buf...)
	}
	n, err := r.conn.Read(r.buf[len(r.buf):cap(r.buf)])
	r.buf = r.buf[:len(r.buf)+n]
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		r.err = err
	}
	return err
}

// line takes the next line, without its end.
func (r *reader) line() (string, error) {
	for looked := 0; ; {
		if i := bytes.IndexByte(r.buf[looked:], '\n'); i >= 0 {
			line := string(r.buf[:looked+i])
			r.take(looked + i + 1)
			return line, nil
		}
		if looked = len(r.buf); r.full() {
			return "", errLong
		}
		if err := r.fill(); err != nil {
			return "", err
		}
	}
}

// take gives the buffer back that is not needed.
func (r *reader) take(n int) {
	left := r.buf[n:]
	if cap(r.buf) > firstRoom && len(left) <= firstRoom {
		r.buf = append(make([]byte, 0, firstRoom), left...)
		return
	}
	r.buf = r.buf[:copy(r.buf, left)]
}

// bytes takes the next n bytes.
func (r *reader) bytes(n int) ([]byte, error) {
	b := make([]byte, n)
	got := copy(b, r.buf)
	r.take(got)
	if got < n && r.err != nil {
		return nil, r.err
	}
	_, err := io.ReadFull(r.conn, b[got:])
	return b, err
}

// rest takes all that was read: what follows is read of the connection itself.
func (r *reader) rest() []byte {
	b := r.buf
	r.buf = nil
	return b
}

// watch reads ahead until stop is called, and calls gone where the connection ends before. What comes stays for those
// who read later; where there is too much of it, the end is not seen before some of it was taken.
func (r *reader) watch(gone func()) (stop func()) {
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
