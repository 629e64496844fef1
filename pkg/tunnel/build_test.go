package tunnel

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
)

func eachBuild(t *testing.T, f func(t *testing.T, cfg Config, n int)) {
	for _, long := range []bool{false, true} {
		for _, inbound := range []bool{false, true} {
			for n := 1; n <= MaxHops; n++ {
				t.Run(fmt.Sprintf("long=%v/inbound=%v/%d", long, inbound, n), func(t *testing.T) {
					f(t, Config{Long: long, Inbound: inbound}, n)
				})
			}
		}
	}
}

func TestBuild(t *testing.T) {
	eachBuild(t, func(t *testing.T, cfg Config, n int) {
		w := newNetwork(t, n)
		defer w.close()
		cfg.Hops = w.hops
		cfg.Bandwidth = Bandwidth{Min: 10, Requested: 20, Limit: 30}
		for i, h := range w.hops {
			w.routers[h.Router].options = ReplyOptions(40 + i)
		}
		b, m, last := w.build(cfg)
		defer m.Release()
		if m.ID != b.ReplyID() || m.Type != b.ReplyType() {
			t.Errorf("reply %v with ID %d, want %v with %d", m.Type, m.ID, b.ReplyType(), b.ReplyID())
		}
		if want := 1 + 4*b.recordLen(); n < 4 && len(m.Body) != want {
			t.Errorf("%d bytes, want %d", len(m.Body), want)
		}
		r, err := b.HandleReply(m)
		if err != nil || !r.Accepted || r.Bandwidth() != 40 || !bytes.Equal(r.Codes, make([]byte, n)) {
			t.Fatalf("%+v, %v", r, err)
		}
		checkRequests(t, w, b, last)
	})
}

// checkRequests compares what the hops know with what the creator knows.
func checkRequests(t *testing.T, w *network, b *Build, last *Request) {
	for i := range b.hops {
		q := w.routers[b.hops[i].Router].seen[0]
		want := Bandwidth{Min: 10, Requested: 20}
		if q.Role == RoleGateway {
			want.Limit = 30
		}
		if q.Bandwidth != want || q.Lifetime != Lifetime || q.Keys != b.hops[i].keys.layer || q.ReceiveTunnel != b.hops[i].receive {
			t.Errorf("hop %d: %+v", i, q)
		}
		if age := w.now.Sub(q.Time); age < 0 || age >= time.Minute {
			t.Errorf("hop %d: request time %v before now", i, age)
		}
		role := RoleParticipant
		if b.Inbound() && i == 0 {
			role = RoleGateway
		} else if !b.Inbound() && i == len(b.hops)-1 {
			role = RoleEndpoint
		}
		if q.Role != role {
			t.Errorf("hop %d is %v, want %v", i, q.Role, role)
		}
	}
	key, ok := b.ReplyGarlic()
	switch {
	case ok != (last.Garlic != nil):
		t.Errorf("garlic key: creator %v, endpoint %v", ok, last.Garlic != nil)
	case ok && key != *last.Garlic:
		t.Error("garlic keys differ")
	}
	if b.Inbound() && (last.NextRouter != w.us || last.NextTunnel != b.ReceiveTunnel()) {
		t.Error("last hop does not lead to us")
	}
	if !b.Inbound() && last.NextTunnel != 4711 {
		t.Error("reply tunnel")
	}
}

func TestReject(t *testing.T) {
	eachBuild(t, func(t *testing.T, cfg Config, n int) {
		w := newNetwork(t, n)
		defer w.close()
		cfg.Hops = w.hops
		want := make([]byte, n)
		want[n/2] = RejectBandwidth
		w.routers[w.hops[n/2].Router].code = RejectBandwidth
		b, m, _ := w.build(cfg)
		defer m.Release()
		r, err := b.HandleReply(m)
		if err != nil || r.Accepted || !bytes.Equal(r.Codes, want) {
			t.Fatalf("%+v, %v; want codes %v", r, err, want)
		}
	})
}

func TestTamperedReply(t *testing.T) {
	eachBuild(t, func(t *testing.T, cfg Config, n int) {
		w := newNetwork(t, n)
		defer w.close()
		cfg.Hops = w.hops
		b, m, _ := w.build(cfg)
		defer m.Release()
		at := func(i int) int { return 1 + i*b.recordLen() + 100 }
		for i := range b.hops {
			m.Body[at(b.hops[i].index)] ^= 1
			if _, err := b.HandleReply(m); err == nil {
				t.Errorf("changed record of hop %d went unnoticed", i)
			}
			m.Body[at(b.hops[i].index)] ^= 1
		}
		if b.own >= 0 {
			m.Body[at(b.own)] ^= 1
			if _, err := b.HandleReply(m); !errors.Is(err, ErrTampered) {
				t.Errorf("changed own record: %v", err)
			}
			m.Body[at(b.own)] ^= 1
		}
		for _, bad := range []i2np.Message{
			{Type: m.Type, ID: m.ID + 1, Body: m.Body},
			{Type: i2np.GarlicType, ID: m.ID, Body: m.Body},
			{Type: m.Type, ID: m.ID, Body: m.Body[:len(m.Body)-1]},
			{Type: m.Type, ID: m.ID, Body: append([]byte{1}, m.Body[1:1+b.recordLen()]...)},
		} {
			if _, err := b.HandleReply(bad); err == nil {
				t.Errorf("%v with ID %d of %d bytes was taken", bad.Type, bad.ID, len(bad.Body))
			}
		}
		w.mustAccept(b, m.Own())
	})
}

func TestBuildConfig(t *testing.T) {
	w := newNetwork(t, 8)
	us := w.us
	reply := ReplyTo{Tunnel: 1}
	for name, cfg := range map[string]Config{
		"no hops":    {Us: us, Reply: reply},
		"eight hops": {Us: us, Reply: reply, Hops: w.hops},
		"ourselves":  {Us: w.hops[1].Router, Reply: reply, Hops: w.hops[:2]},
		"twice":      {Us: us, Reply: reply, Hops: []Hop{w.hops[0], w.hops[1], w.hops[0]}},
		"no reply":   {Us: us, Hops: w.hops[:2]},
		"low order":  {Us: us, Reply: reply, Hops: []Hop{{Router: i2p.HashOf(nil)}}},
	} {
		if _, err := NewBuild(epoch, cfg); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestBuildIsDeterministic(t *testing.T) {
	bodies := [2][]byte{}
	for i := range bodies {
		w := newNetwork(t, 3)
		b, err := NewBuild(w.now, Config{Us: w.us, Hops: w.hops, Inbound: true, Rand: seeded(3)})
		if err != nil {
			t.Fatal(err)
		}
		m := b.Message()
		bodies[i] = bytes.Clone(m.Body)
		m.Release()
	}
	if !bytes.Equal(bodies[0], bodies[1]) {
		t.Error("two builds from one seed differ")
	}
}

func TestOpenRequestRefusals(t *testing.T) {
	w := newNetwork(t, 2)
	r := w.routers[w.hops[0].Router]
	b, err := NewBuild(w.now, Config{Us: w.us, Hops: w.hops, Reply: ReplyTo{Tunnel: 1}, Rand: w.rand})
	if err != nil {
		t.Fatal(err)
	}
	m := b.Message()
	defer m.Release()
	if _, err := w.routers[w.hops[1].Router].opener.Open(w.now, m); !errors.Is(err, ErrReplayed) && err == nil {
		t.Error("second hop read its record before the first hop decrypted it")
	}
	for _, skew := range []time.Duration{-9 * time.Minute, 10 * time.Minute} {
		if _, err := r.opener.Open(w.now.Add(-skew), m); !errors.Is(err, ErrStale) {
			t.Errorf("skew %v: %v", skew, err)
		}
	}
	other := Opener{Us: i2p.HashOf([]byte("other")), Static: r.opener.Static}
	if _, err := other.Open(w.now, m); !errors.Is(err, ErrNotForUs) {
		t.Errorf("other router: %v", err)
	}
	if _, err := r.opener.Open(w.now, m); err != nil {
		t.Error(err)
	}
	if _, err := r.opener.Open(w.now, m); !errors.Is(err, ErrReplayed) {
		t.Errorf("replay: %v", err)
	}
	if _, err := OpenRequest(r.hash, r.opener.Static, w.now, m); err != nil {
		t.Error(err)
	}
	if _, err := r.opener.Open(w.now, i2np.Message{Type: i2np.ShortTunnelBuildType, Body: []byte{9}}); err == nil {
		t.Error("9 records were taken")
	}
}

func TestOpenRequestFields(t *testing.T) {
	w := newNetwork(t, 1)
	r := w.routers[w.hops[0].Router]
	good := requestRecord{receiveTunnel: 1, nextTunnel: 2, nextRouter: i2p.HashOf(nil), minutes: uint32(epoch.Unix() / 60), sendMessageID: 5}
	for name, change := range map[string]func(*requestRecord){
		"both roles":       func(q *requestRecord) { q.flags = flagGateway | flagEndpoint },
		"no tunnel":        func(q *requestRecord) { q.receiveTunnel = 0 },
		"no next tunnel":   func(q *requestRecord) { q.nextTunnel = 0 },
		"next is us":       func(q *requestRecord) { q.nextRouter = r.hash },
		"layer encryption": func(q *requestRecord) { q.encryption = 1 },
		"good":             func(q *requestRecord) {},
		"endpoint to us":   func(q *requestRecord) { q.nextRouter, q.flags = r.hash, flagEndpoint },
	} {
		q := good
		change(&q)
		plain := append(q.appendTo(nil, true), make([]byte, 200)...)[:shortRequestLen]
		body := append([]byte{1}, make([]byte, i2np.ShortRecordLen)...)
		copy(body[1:], r.hash[:16])
		if _, err := sealRequest(body[1+toPeerLen:], plain, w.hops[0].Static, w.rand); err != nil {
			t.Fatal(err)
		}
		got, err := r.opener.Open(epoch, i2np.Message{Type: i2np.ShortTunnelBuildType, Body: body})
		if ok := name == "good" || name == "endpoint to us"; (err == nil) != ok {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil && (got.ReplyID != 5 || got.NextTunnel != 2) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestRecordLayout(t *testing.T) {
	q := requestRecord{receiveTunnel: 0x01020304, nextTunnel: 0x05060708, nextRouter: i2p.HashOf([]byte("x")), flags: flagGateway,
		minutes: 0x090a0b0c, expiration: 600, sendMessageID: 0x0d0e0f10, options: i2p.Mapping{{Key: "m", Value: "7"}}}
	b := q.appendTo(nil, true)
	options := []byte{0, 6, 1, 'm', '=', 1, '7', ';'}
	if b[40] != 0x80 || b[43] != 0 || !bytes.Equal(b[44:52], []byte{9, 10, 11, 12, 0, 0, 2, 0x58}) ||
		!bytes.Equal(b[52:56], []byte{13, 14, 15, 16}) || !bytes.Equal(b[56:], options) {
		t.Errorf("short % x", b)
	}
	q.layer = LayerKeys{Layer: sha256.Sum256([]byte{1}), IV: sha256.Sum256([]byte{2})}
	q.replyKey, q.replyIV = sha256.Sum256([]byte{3}), [16]byte{4}
	l := q.appendTo(nil, false)
	if !bytes.Equal(l[40:72], q.layer.Layer[:]) || !bytes.Equal(l[72:104], q.layer.IV[:]) || !bytes.Equal(l[104:136], q.replyKey[:]) ||
		l[136] != 4 || l[152] != 0x80 || !bytes.Equal(l[156:164], b[44:52]) || !bytes.Equal(l[164:168], b[52:56]) || !bytes.Equal(l[168:], options) {
		t.Errorf("long % x", l)
	}
	got, err := parseRequest(append(l, make([]byte, longRequestLen-len(l))...))
	if err != nil || !reflect.DeepEqual(got, q) {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestReplayFilterIsBounded(t *testing.T) {
	f := NewReplayFilter(10)
	record := make([]byte, i2np.ShortRecordLen)
	for i := range 1000 {
		record[toPeerLen], record[toPeerLen+1] = byte(i), byte(i>>8)
		if f.has(record) || !f.add(epoch, record) || !f.has(record) || f.add(epoch, record) {
			t.Fatal(i)
		}
		if n := len(f.cur) + len(f.old); n > 20 {
			t.Fatalf("%d records kept", n)
		}
	}
	f.add(epoch.Add(replayWindow+1), make([]byte, i2np.ShortRecordLen))
	if len(f.cur) != 1 {
		t.Errorf("%d records in the new generation", len(f.cur))
	}
}
