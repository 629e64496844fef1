package datagram_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"testing"

	"i2ptoolkit/pkg/datagram"
)

var header = datagram.Header{Protocol: datagram.Streaming, From: 1234, To: 80}

func payloads() map[string][]byte {
	return map[string][]byte{
		"empty":  {},
		"small":  []byte("GET / HTTP/1.0\r\n\r\n"),
		"packet": bytes.Repeat([]byte("abcdefgh"), 230),
		"large":  bytes.Repeat([]byte{1, 2, 3}, 40000),
	}
}

func TestRoundTrip(t *testing.T) {
	for name, p := range payloads() {
		for kind, frame := range map[string][]byte{
			"stored":   header.AppendStored([]byte("x"), p)[1:],
			"deflated": header.AppendDeflated([]byte("x"), p)[1:],
		} {
			h, got, err := datagram.Decode(frame, 1<<20)
			if err != nil || h != header || !bytes.Equal(got, p) {
				t.Errorf("%s %s: %v %d bytes, %v", name, kind, h, len(got), err)
			}
			z, err := gzip.NewReader(bytes.NewReader(frame))
			if err != nil {
				t.Fatalf("%s %s: %v", name, kind, err)
			}
			if std, err := io.ReadAll(z); err != nil || !bytes.Equal(std, p) {
				t.Errorf("%s %s: compress/gzip reads %d bytes, %v", name, kind, len(std), err)
			}
		}
	}
}

func TestBeginStored(t *testing.T) {
	p := []byte("a packet")
	b := datagram.BeginStored([]byte("before"))
	got := header.EndStored(append(b, p...), len("before"))
	if want := header.AppendStored([]byte("before"), p); !bytes.Equal(got, want) {
		t.Fatalf("%x, want %x", got, want)
	}
}

func TestDeflatedIsNeverLonger(t *testing.T) {
	p := make([]byte, 600)
	for i := range p {
		p[i] = byte(i * i * 31 >> 3)
	}
	if n := len(header.AppendDeflated(nil, p)); n > len(p)+datagram.StoredOverhead {
		t.Fatalf("%d bytes became %d", len(p), n)
	}
	if n := len(header.AppendDeflated(nil, make([]byte, 600))); n > 60 {
		t.Fatalf("zeros became %d bytes", n)
	}
}

// What Java writes: compress/gzip's stream with the header patched.
func TestForeignGzip(t *testing.T) {
	var buf bytes.Buffer
	z := gzip.NewWriter(&buf)
	z.Name = "n"
	z.Comment = "c"
	z.Extra = []byte{1, 2, 3}
	if _, err := z.Write(payloads()["large"]); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	b := buf.Bytes()
	copy(b[4:], []byte{4, 210, 0, 80, 2, 6})
	h, got, err := datagram.Decode(b, 1<<20)
	if err != nil || h != header || !bytes.Equal(got, payloads()["large"]) {
		t.Fatalf("%v, %d bytes, %v", h, len(got), err)
	}
	for n := range b {
		if _, _, err := datagram.Decode(b[:n], 1<<20); err == nil {
			t.Fatalf("%d of %d bytes were taken for a payload", n, len(b))
		}
	}
}

func TestBomb(t *testing.T) {
	bomb := header.AppendDeflated(nil, make([]byte, 50<<20))
	allocs := testing.AllocsPerRun(1, func() {
		if _, _, err := datagram.Decode(bomb, 0); !errors.Is(err, datagram.ErrTooLarge) {
			t.Fatalf("a bomb of %d bytes: %v", len(bomb), err)
		}
	})
	if allocs > 50 {
		t.Fatalf("%v allocations", allocs)
	}
	big := header.AppendStored(nil, make([]byte, 3000))
	if _, _, err := datagram.Decode(big, 2000); !errors.Is(err, datagram.ErrTooLarge) {
		t.Fatal(err)
	}
}

func TestChecksum(t *testing.T) {
	b := header.AppendStored(nil, []byte("hello"))
	b[17] ^= 1
	if _, _, err := datagram.Decode(b, 0); !errors.Is(err, datagram.ErrChecksum) {
		t.Fatal(err)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(header.AppendStored(nil, []byte("hello")))
	f.Add(header.AppendDeflated(nil, make([]byte, 1000)))
	f.Add([]byte{0x1f, 0x8b, 8, 0x1e, 0, 0, 0, 0, 0, 6, 1, 0, 9, 'a', 0, 'b', 0, 1, 2})
	f.Fuzz(func(t *testing.T, b []byte) {
		h, p, err := datagram.Decode(b, 4096)
		if err != nil {
			if p != nil || h != (datagram.Header{}) {
				t.Fatal("values beside an error")
			}
			return
		}
		if len(p) > 4096 {
			t.Fatalf("%d bytes", len(p))
		}
		h2, p2, err := datagram.Decode(h.AppendStored(nil, p), 4096)
		if err != nil || h2 != h || !bytes.Equal(p, p2) {
			t.Fatalf("what was read is not read back: %v", err)
		}
	})
}

func BenchmarkStored(b *testing.B) {
	p := make([]byte, 1834)
	var out []byte
	b.SetBytes(int64(len(p)))
	for b.Loop() {
		out = header.AppendStored(out[:0], p)
		if _, _, err := datagram.Decode(out, 0); err != nil {
			b.Fatal(err)
		}
	}
}
