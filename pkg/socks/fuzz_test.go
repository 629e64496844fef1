package socks

import (
	"bytes"
	"io"
	"testing"
)

// FuzzGreet: whatever a client says, no more is read than its request, and the request can be
// answered.
func FuzzGreet(f *testing.F) {
	for _, s := range []string{
		ask5(connect, domain, "stats.i2p", 80), ask5(associate, ipv4, "\x00\x00\x00\x00", 0), ask5(connect, ipv6, "0123456789abcdef", 1),
		"\x04\x01\x00\x50\x00\x00\x00\x01me\x00stats.i2p\x00", "\x04\x01\x00\x50\x01\x02\x03\x04\x00", "\x05\x01\x02\x01\x01u\x01p\x05\x01\x00\x03\x01a\x00\x50", "GET /",
	} {
		f.Add([]byte(s), false)
		f.Add([]byte(s), true)
	}
	f.Fuzz(func(t *testing.T, b []byte, users bool) {
		var cfg Config
		if users {
			cfg.Users = []User{{"u", "p"}}
		}
		greet := func(b []byte) (request, int, error) {
			in := bytes.NewReader(b)
			r, err := New(cfg).greet(struct {
				io.Reader
				io.Writer
			}{in, io.Discard})
			return r, len(b) - in.Len(), err
		}
		r, n, err := greet(b)
		if err != nil {
			return
		}
		if again, _, err := greet(b[:n]); err != nil || again != r {
			t.Errorf("it is not all that was read: %v", err)
		}
		if _, _, err := greet(b[:n-1]); err == nil {
			t.Error("a byte was read that does not belong to it")
		}
		if (r.host == "") == !r.ip.IsValid() {
			t.Errorf("%+v", r)
		}
		if where, host, err := r.locate(); err == nil && (host == "" || where == 0) {
			t.Errorf("%+v is nowhere", r)
		}
		if n := len(r.reply(failure, nil)); n != 8 && n != 10 {
			t.Errorf("a reply of %d bytes", n)
		}
	})
}

// FuzzParsePacket: what is a datagram comes back as the same bytes, but for the reserved ones.
func FuzzParsePacket(f *testing.F) {
	f.Add(appendPacket(nil, address{host: "stats.i2p", port: 53}, []byte("hello")))
	f.Add([]byte("\x00\x00\x00\x01\x01\x02\x03\x04\x00\x35hello"))
	f.Add([]byte("\x00\x00\x01\x01\x01\x02\x03\x04\x00\x35"))
	f.Fuzz(func(t *testing.T, b []byte) {
		to, payload, err := parsePacket(b)
		if err != nil {
			if payload != nil || to != (address{}) {
				t.Error("something beside an error")
			}
			return
		}
		if back := appendPacket(nil, to, payload); !bytes.Equal(back[2:], b[2:]) {
			t.Errorf("%x came back of %x", back, b)
		}
	})
}
