package door

import (
	"bytes"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/iotest"
)

// reading is a connection of which somebody reads.
type reading struct {
	net.Conn
	from io.Reader
}

func (r reading) Read(b []byte) (int, error) { return r.from.Read(b) }

// FuzzReader: lines and bytes are what was said, however it is cut, and what waits takes no more than twice its length.
func FuzzReader(f *testing.F) {
	f.Add([]byte("HELLO\nSEND 3\nabc"), uint8(3), uint8(0))
	f.Add([]byte("no end"), uint8(0), uint8(1))
	f.Add([]byte(strings.Repeat("x", 5000)), uint8(9), uint8(2))
	f.Add([]byte("a\n\n\nb\r\n"+strings.Repeat("long ", 700)+"\n"), uint8(200), uint8(0))
	f.Add([]byte("\n"), uint8(200), uint8(2))
	const most = 4 << 10
	f.Fuzz(func(t *testing.T, said []byte, n, cut uint8) {
		var from io.Reader = bytes.NewReader(said)
		switch cut % 3 {
		case 1:
			from = iotest.OneByteReader(from)
		case 2:
			from = iotest.DataErrReader(iotest.HalfReader(from))
		}
		r := NewReader(reading{from: from}, most)
		left := said
		for {
			line, err := r.Line()
			if cap(r.buf) > max(firstRoom, min(2*len(said), most)) {
				t.Fatalf("%d bytes are held for %d", cap(r.buf), len(said))
			}
			i := bytes.IndexByte(left, '\n')
			switch {
			case errors.Is(err, ErrLong):
				if i >= 0 && i < most {
					t.Fatalf("a line of %d bytes is too long", i)
				}
				return
			case err != nil:
				if rest := r.Rest(); !errors.Is(err, io.EOF) || i >= 0 || !bytes.Equal(rest, left) || r.Err() == nil {
					t.Fatalf("%v, %q left", err, rest)
				}
				return
			case i < 0 || line != string(left[:i]):
				t.Fatalf("%q of %q", line, left)
			}
			left = left[i+1:]
			if n > 0 {
				b, err := r.Bytes(int(n))
				if len(left) < int(n) {
					if err == nil {
						t.Fatalf("%q of %d bytes", b, len(left))
					}
					return
				}
				if err != nil || !bytes.Equal(b, left[:n]) {
					t.Fatalf("%q, %v", b, err)
				}
				left = left[n:]
			}
		}
	})
}
