package portmap

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"i2ptoolkit/pkg/draw"
)

// response is a gateway's to a request.
func response(request []byte, result byte, external netip.AddrPort) []byte {
	b := append([]byte(nil), request...)
	b[1] |= pcpResponse
	b[3] = result
	clear(b[8:24])
	if len(b) == pcpLen {
		binary.BigEndian.PutUint16(b[42:], external.Port())
		at := external.Addr().As16()
		copy(b[44:], at[:])
	}
	return b
}

// TestPCP asks a gateway on loopback, which loses, repeats and mistakes things.
func TestPCP(t *testing.T) {
	external := netip.MustParseAddrPort("198.51.100.7:4000")
	for name, c := range map[string]struct {
		answer func(n int, request []byte) [][]byte
		err    error
	}{
		"answers":     {func(_ int, q []byte) [][]byte { return [][]byte{response(q, 0, external)} }, nil},
		"loses":       {func(n int, q []byte) [][]byte { return [][]byte{response(q, 0, external)}[:n%2] }, nil},
		"refuses":     {func(_ int, q []byte) [][]byte { return [][]byte{response(q, 2, external)} }, pcpError(2)},
		"old version": {func(_ int, q []byte) [][]byte { return [][]byte{{0, q[1] | pcpResponse, 0, 1, 0, 0, 0, 0}} }, pcpError(1)},
		"silent":      {func(int, []byte) [][]byte { return nil }, context.DeadlineExceeded},
		"mistakes it": {func(_ int, q []byte) [][]byte {
			other := response(q, 0, external)
			other[30] ^= 1 // in the nonce
			return [][]byte{q, {}, q[:8], other, response(q, 0, external)}
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			server, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
			if err != nil {
				t.Fatal(err)
			}
			defer server.Close()
			go func() {
				b := make([]byte, 2000)
				for n := 0; ; n++ {
					k, from, err := server.ReadFromUDPAddrPort(b)
					if err != nil {
						return
					}
					for _, a := range c.answer(n, b[:k]) {
						server.WriteToUDPAddrPort(a, from)
					}
				}
			}()
			at := server.LocalAddr().(*net.UDPAddr).AddrPort()
			g := &pcp{at, map[Port]pcpNonce{}, draw.From(nil)}
			patience := time.Minute
			if c.err == context.DeadlineExceeded {
				patience = 600 * time.Millisecond
			}
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			where, granted, err := g.add(ctx, Port{TCP, 4000}, external, time.Hour)
			if !errors.Is(err, c.err) || err == nil && (where != external || granted != time.Hour) {
				t.Errorf("%v for %v: %v", where, granted, err)
			}
			if name == "answers" || name == "old version" {
				if _, err := pcpFinder(func() netip.AddrPort { return at }, draw.From(nil))(ctx); !errors.Is(err, c.err) {
					t.Errorf("found: %v", err)
				}
			}
		})
	}
}

// The bytes are those of the tables of RFC 6887.
func TestPCPRequest(t *testing.T) {
	m := pcpMapping{Nonce: pcpNonce{1, 2, 3}, Protocol: 6, Internal: 0x1234, External: netip.AddrPortFrom(netip.Addr{}, 0x5678), Lifetime: 3600}
	want := []byte{
		2, 1, 0, 0, 0, 0, 0x0e, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 168, 1, 2,
		1, 2, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 6, 0, 0, 0, 0x12, 0x34, 0x56, 0x78, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0,
	}
	if b := m.request(netip.MustParseAddr("192.168.1.2")); !bytes.Equal(b, want) {
		t.Errorf("% x\nexpected\n% x", b, want)
	}
	if b := m.request(netip.MustParseAddr("fd00::2")); b[54] != 0 {
		t.Errorf("an address of IPv6 is asked for as % x", b[44:])
	}
}

// FuzzPCP: what is parsed is what the same request would ask for.
func FuzzPCP(f *testing.F) {
	m := pcpMapping{Nonce: pcpNonce{9}, Protocol: 17, Internal: 7, Lifetime: 60}
	f.Add(response(m.request(netip.MustParseAddr("10.0.0.2")), 0, netip.MustParseAddrPort("[2001:db8::1]:9")))
	f.Add(response(m.request(netip.MustParseAddr("10.0.0.2")), 3, netip.MustParseAddrPort("1.2.3.4:9")))
	f.Add([]byte{0, 0x81, 0, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := parsePCP(b)
		if err != nil {
			if m != (pcpMapping{}) {
				t.Errorf("%+v beside %v", m, err)
			}
			return
		}
		again, err := parsePCP(response(m.request(netip.IPv6Unspecified()), 0, m.External))
		if err != nil || again != m {
			t.Errorf("%+v became %+v, %v", m, again, err)
		}
	})
}
