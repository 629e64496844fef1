package irc

import (
	"bufio"
	"bytes"
	"errors"
	"net"

	"i2ptoolkit/pkg/forward/splice"
)

// lines is a connection that is read line by line, each as a func has it.
type lines struct {
	net.Conn
	r       *bufio.Reader
	counts  *counts
	change  func(line []byte) []byte
	pending []byte
	failed  error
}

const maxLine = maxTags + maxText + 4

func filter(c net.Conn, counts *counts, change func([]byte) []byte) *lines {
	return &lines{Conn: c, r: bufio.NewReaderSize(c, maxLine), counts: counts, change: change}
}

// Read gives what the next lines have become.
func (l *lines) Read(b []byte) (int, error) {
	for len(l.pending) == 0 {
		if l.failed != nil {
			return 0, l.failed
		}
		l.pending = l.pending[:0]
		l.next()
		for len(l.pending) < cap(b) && l.failed == nil && l.whole() {
			l.next()
		}
	}
	n := copy(b, l.pending)
	l.pending = l.pending[n:]
	return n, nil
}

// whole tells whether a line has come that need not be waited for.
func (l *lines) whole() bool {
	waits, _ := l.r.Peek(l.r.Buffered())
	return bytes.IndexByte(waits, '\n') >= 0
}

// next takes a line. One that is too long, or that ends without an end, is left out.
func (l *lines) next() {
	line, err := l.r.ReadSlice('\n')
	long := false
	for errors.Is(err, bufio.ErrBufferFull) {
		long = true
		line, err = l.r.ReadSlice('\n')
	}
	if err != nil {
		l.failed = err
		return
	}
	if long {
		l.counts.long.Add(1)
		return
	}
	line = bytes.TrimRight(line, "\r\n")
	if len(line) == 0 {
		return
	}
	if bytes.ContainsAny(line, "\r\x00") { // some readers end a line there
		l.counts.malformed.Add(1)
		return
	}
	if out := l.change(line); out != nil {
		l.counts.passed.Add(1)
		l.pending = append(l.pending, out...)
	}
}

// CloseWrite ends what is written.
func (l *lines) CloseWrite() error {
	if c, ok := l.Conn.(interface{ CloseWrite() error }); ok {
		return c.CloseWrite()
	}
	return l.Conn.Close()
}

// Abort breaks the connection off, and BreakOff does behind what was written.
func (l *lines) Abort()    { splice.Break(l.Conn) }
func (l *lines) BreakOff() { splice.BreakOff(l.Conn) }

// SetLinger is a TCP connection's.
func (l *lines) SetLinger(seconds int) error {
	if c, ok := l.Conn.(interface{ SetLinger(int) error }); ok {
		return c.SetLinger(seconds)
	}
	return nil
}
