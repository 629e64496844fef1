package i2cpserver

import (
	"bytes"
	"errors"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"i2ptoolkit/pkg/i2cp"
)

// message is one of n bytes.
func message(n int) []byte {
	return append([]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n), byte(i2cp.TypeGetDate)}, bytes.Repeat([]byte{byte(n)}, n)...)
}

// TestReader: messages come whole however they are cut, and no more is held than twice what has come of one.
func TestReader(t *testing.T) {
	lengths := []int{0, 1, 300, 1019, 1020, 5000, 3, 40_000, i2cp.MaxBody, 0, 700, 700, 700}
	var all []byte
	for _, n := range lengths {
		all = append(all, message(n)...)
	}
	for name, from := range map[string]func() io.Reader{
		"whole":         func() io.Reader { return bytes.NewReader(all) },
		"halves":        func() io.Reader { return iotest.HalfReader(bytes.NewReader(all)) },
		"bytes":         func() io.Reader { return iotest.OneByteReader(bytes.NewReader(all)) },
		"end with data": func() io.Reader { return iotest.DataErrReader(bytes.NewReader(all)) },
	} {
		r := &reader{from: from(), room: firstRoom}
		for i, n := range lengths {
			if _, body, err := r.next(i2cp.MaxBody); err != nil || len(body) != n || bytes.Count(body, []byte{byte(n)}) != n {
				t.Fatalf("%s: message %d of %d bytes: %d, %v", name, i, n, len(body), err)
			}
		}
		if _, _, err := r.next(i2cp.MaxBody); err != io.EOF {
			t.Errorf("%s: %v at the end", name, err)
		}
		if cap(r.buf) > firstRoom {
			t.Errorf("%s: %d bytes are held for nothing", name, cap(r.buf))
		}
	}
	for sent := 1; sent < i2cp.MaxBody; sent = 2*sent + 1 {
		r := &reader{from: bytes.NewReader(message(i2cp.MaxBody)[:sent]), room: firstRoom}
		if _, _, err := r.next(i2cp.MaxBody); err != io.ErrUnexpectedEOF {
			t.Errorf("%d bytes: %v", sent, err)
		}
		if cap(r.buf) > max(firstRoom, 2*sent) {
			t.Errorf("%d bytes are held for %d", cap(r.buf), sent)
		}
	}
	r := &reader{from: bytes.NewReader(message(maxGreeting + 1)), room: firstRoom}
	if _, _, err := r.next(maxGreeting); !errors.Is(err, i2cp.ErrTooLong) {
		t.Error(err)
	}
}

// TestStrangers: a connection of which nothing is known takes a few KB, whatever it announces.
func TestStrangers(t *testing.T) {
	const strangers, each = 300, 16 << 10
	for _, said := range []string{"", "*", "*\x00\x01\x0f\x00\x20" + strings.Repeat("x", 500), "*\x00\x00\x20\x00\x20" + strings.Repeat("x", 500)} {
		h := newHall(t)
		before := inUse()
		for range strangers {
			a, b := net.Pipe()
			done := make(chan struct{})
			go func() {
				defer close(done)
				h.Serve(t.Context(), &ends{Conn: b})
			}()
			t.Cleanup(func() { a.Close(); <-done })
			a.Write([]byte(said))
		}
		took := (inUse() - before) / strangers
		t.Logf("after %.6q of %d bytes: %d bytes for each", said, len(said), took)
		if took > each {
			t.Errorf("after %.6q: %d bytes for each", said, took)
		}
	}
}

func inUse() int {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapInuse + m.StackInuse)
}
