package i2np

import (
	"bytes"
	"errors"
	"math"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"i2ptoolkit/pkg/buf/buftest"
	"i2ptoolkit/pkg/i2p"
)

func hash(b byte) (h i2p.Hash) {
	for i := range h {
		h[i] = b
	}
	return h
}

func TestHeaders(t *testing.T) {
	m := Message{Type: GarlicType, ID: 0x01020304, Expiration: 0x0102030405_1000, Body: []byte("body")}
	m.Expiration -= m.Expiration % 1000
	short := m.AppendShort([]byte("x"))
	if len(short) != 1+m.ShortLen() {
		t.Fatalf("%d bytes, ShortLen %d", len(short), m.ShortLen())
	}
	got, err := ParseShort(short[1:])
	want := m
	want.Expiration = m.Expiration / 1000 % (1 << 32) * 1000
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("got %+v, %v; want %+v", got, err, want)
	}
	std := append(m.AppendStandard(nil), "rest"...)
	got, rest, err := ParseStandard(std)
	if err != nil || !reflect.DeepEqual(got, m) || string(rest) != "rest" {
		t.Fatalf("got %+v %q, %v", got, rest, err)
	}
	// SHA-256("body") begins with 23.
	if want := []byte{11, 1, 2, 3, 4}; !bytes.Equal(std[:5], want) || std[14] != 4 || std[15] != 0x23 {
		t.Fatalf("header % x", std[:16])
	}
	for n := range len(std) - 4 {
		if _, _, err := ParseStandard(std[:n]); !errors.Is(err, ErrShort) {
			t.Fatalf("%d bytes: %v", n, err)
		}
	}
	if _, err := ParseShort(short[:8]); !errors.Is(err, ErrShort) {
		t.Fatal(err)
	}
}

// Messages live for three quarters of their life at least, each for as long as was drawn.
func TestExpirationIsDrawn(t *testing.T) {
	now := time.UnixMilli(1767225600123)
	for random, want := range map[uint64]time.Duration{
		0: 60 * time.Second, math.MaxUint64: 45 * time.Second, 1 << 63: 52500 * time.Millisecond,
	} {
		if at := Expiration(now, time.Minute, random); at != i2p.DateOf(now.Add(want)) {
			t.Errorf("%#x: in %v, want %v", random, at.Time().Sub(now), want)
		}
	}
}

func TestExpiration(t *testing.T) {
	now := time.UnixMilli(1_760_000_000_000)
	for _, c := range []struct {
		at   i2p.Date
		want error
	}{
		{i2p.DateOf(now.Add(8 * time.Second)), nil},
		{i2p.DateOf(now.Add(-MaxAge)), nil},
		{i2p.DateOf(now.Add(-MaxAge - 1e6)), ErrExpired},
		{i2p.DateOf(now.Add(MaxAhead)), nil},
		{i2p.DateOf(now.Add(MaxAhead + 1e6)), ErrFuture},
		{0, ErrExpired},
		{1<<64 - 1, ErrFuture},
	} {
		if err := (Message{Expiration: c.at}).CheckExpiration(now); err != c.want {
			t.Errorf("%d: %v, want %v", c.at, err, c.want)
		}
	}
}

func TestOwn(t *testing.T) {
	buftest.NoLeak(t)
	m := Message{Body: []byte("abc")}
	m.Release()
	o := m.Own()
	if &o.Body[0] == &m.Body[0] || string(o.Body) != "abc" {
		t.Fatal("not a copy")
	}
	o.Release()
}

func TestDatabaseLookupFlags(t *testing.T) {
	l := DatabaseLookup{Key: hash(1), From: hash(2), Kind: LookupExploration, ViaTunnel: true, ReplyTunnel: 7,
		Exclude: []i2p.Hash{hash(3)}, Encryption: ReplyECIES, ReplyKey: hash(4), ReplyTag: [8]byte{5}}
	b := l.AppendTo(nil)
	if b[64] != 0x1d {
		t.Fatalf("flags %#x", b[64])
	}
	if got, err := ParseDatabaseLookup(b); err != nil || !reflect.DeepEqual(got, l) {
		t.Fatalf("%+v, %v", got, err)
	}
	b[64] |= 2 // both kinds of encryption at once
	if _, err := ParseDatabaseLookup(b); err == nil {
		t.Fatal("parsed")
	}
	l.Encryption, l.ReplyTag, l.SessionTags = ReplyElGamal, [8]byte{}, [][32]byte{hash(6), hash(7)}
	if got, err := ParseDatabaseLookup(l.AppendTo(nil)); err != nil || !reflect.DeepEqual(got, l) {
		t.Fatalf("%+v, %v", got, err)
	}
}

func TestDeliveryInstructions(t *testing.T) {
	for _, d := range []DeliveryInstructions{
		{},
		{Kind: DeliverDestination, To: hash(1)},
		{Kind: DeliverRouter, To: hash(1)},
		{Kind: DeliverTunnel, To: hash(1), Tunnel: 9},
	} {
		b := d.AppendTo(nil)
		got, rest, err := ParseDeliveryInstructions(append(b, 1, 2))
		if err != nil || got != d || len(rest) != 2 || len(b) != d.Len() {
			t.Errorf("%+v: got %+v, %d left, %d bytes, %v", d, got, len(rest), len(b), err)
		}
		for n := range len(b) {
			if _, _, err := ParseDeliveryInstructions(b[:n]); !errors.Is(err, ErrShort) {
				t.Errorf("%+v: %d bytes: %v", d, n, err)
			}
		}
	}
	for _, flag := range []byte{0x80, 0x10} {
		if _, _, err := ParseDeliveryInstructions([]byte{flag}); err == nil {
			t.Errorf("flag %#x parsed", flag)
		}
	}
}

func TestBuildRecordBounds(t *testing.T) {
	for _, c := range []struct {
		t  Type
		n  int
		ok bool
	}{
		{ShortTunnelBuildType, 1, true}, {ShortTunnelBuildType, 8, true},
		{ShortTunnelBuildType, 0, false}, {ShortTunnelBuildType, 9, false},
		{VariableTunnelBuildType, 4, true}, {GarlicType, 1, false},
	} {
		b := append([]byte{byte(c.n)}, make([]byte, c.n*c.t.RecordLen())...)
		r, err := ParseBuildRecords(c.t, b)
		if (err == nil) != c.ok {
			t.Errorf("%v with %d records: %v", c.t, c.n, err)
		}
		if err == nil && (r.Len() != c.n || len(r.Record(c.n-1)) != c.t.RecordLen()) {
			t.Errorf("%v with %d records: %d", c.t, c.n, r.Len())
		}
	}
	if r, err := ParseBuildRecords(TunnelBuildType, make([]byte, 8*528)); err != nil || r.Len() != 8 {
		t.Errorf("TunnelBuild: %d records, %v", r.Len(), err)
	}
}

func TestRouterInfoGzip(t *testing.T) {
	info := []byte(strings.Repeat("router info ", 100))
	packed := CompressRouterInfo(info)
	if want := []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 0xff}; !bytes.Equal(packed[:10], want) {
		t.Fatalf("gzip header % x", packed[:10])
	}
	got, err := DecompressRouterInfo(packed, len(info))
	if err != nil || !bytes.Equal(got, info) {
		t.Fatal(err)
	}
	if _, err := DecompressRouterInfo(packed, len(info)-1); err == nil {
		t.Fatal("limit not kept")
	}
	if _, err := DecompressRouterInfo(packed[:len(packed)-1], len(info)); err == nil {
		t.Fatal("truncated gzip accepted")
	}
	// A bomb is not unpacked to see that it is one.
	bomb := CompressRouterInfo(make([]byte, 16<<20))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err = DecompressRouterInfo(bomb, 4096)
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; err == nil || took > 1<<20 {
		t.Fatalf("%d bytes were unpacked to %d (%v)", len(bomb), took, err)
	}
	// What was there before shows nowhere, also not after what failed.
	CompressRouterInfo([]byte("another"))
	if !bytes.Equal(CompressRouterInfo(info), packed) {
		t.Fatal("compressed again, it is not the same")
	}
	if got, err = DecompressRouterInfo(packed, len(info)); err != nil || !bytes.Equal(got, info) {
		t.Fatal("unpacked again, it is not the same: ", err)
	}
	// Anybody may ask for a RouterInfo: to make a compressor for each answer takes more
	// than a megabyte, and most of the time.
	if n := testing.AllocsPerRun(100, func() { CompressRouterInfo(info) }); n > 12 {
		t.Errorf("%v allocations for one RouterInfo", n)
	}
}

func TestTunnelGatewayWraps(t *testing.T) {
	m := Message{Type: DataType, ID: 1, Expiration: 2, Body: []byte("payload")}
	b := AppendTunnelGateway(nil, 77, m)
	g, err := ParseTunnelGateway(b)
	if err != nil || g.Tunnel != 77 || !bytes.Equal(g.AppendTo(nil), b) {
		t.Fatalf("%+v, %v", g, err)
	}
	if got, rest, err := ParseStandard(g.Message); err != nil || len(rest) != 0 || !reflect.DeepEqual(got, m) {
		t.Fatalf("%+v, %v", got, err)
	}
}
