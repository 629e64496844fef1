package tunnel

import (
	"bytes"
	"encoding/binary"
	"testing"

	"i2ptoolkit/pkg/buf/buftest"
	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/noise"
)

func FuzzFragment(f *testing.F) {
	for _, x := range []fragment{
		{last: true, data: []byte("whole")},
		{address: address{kind: ToTunnel, router: i2p.HashOf(nil), tunnel: 9}, id: 5, data: []byte("first")},
		{address: address{kind: ToRouter, router: i2p.HashOf(nil)}, last: true, data: []byte("whole")},
		{number: 63, last: true, id: 5, data: []byte("last")},
	} {
		f.Add(x.appendTo(nil))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		x, n, err := parseFragment(b, 0)
		if err != nil {
			return
		}
		in := bytes.Clone(b[:n])
		if x.number == 0 {
			in[0] &^= 3 // reserved bits are ignored
		}
		if out := x.appendTo(nil); !bytes.Equal(in, out) {
			t.Fatalf("parsed from\n% x\nmarshals to\n% x", in, out)
		}
	})
}

func FuzzRequestRecord(f *testing.F) {
	r := requestRecord{receiveTunnel: 1, nextTunnel: 2, flags: flagEndpoint, minutes: 3, expiration: 600, options: ReplyOptions(7)}
	for _, short := range []bool{true, false} {
		n := longRequestLen
		if short {
			n = shortRequestLen
		}
		f.Add(append(r.appendTo(nil, short), make([]byte, n)...)[:n])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := parseRequest(b)
		if err != nil {
			return
		}
		short := len(b) == shortRequestLen
		in := bytes.Clone(b)
		if short {
			in[41], in[42] = 0, 0 // more flags, unused
		} else {
			in[153], in[154], in[155] = 0, 0, 0
		}
		if out := r.appendTo(nil, short); !bytes.Equal(in[:len(out)], out) {
			t.Fatalf("parsed from\n% x\nmarshals to\n% x", in[:len(out)], out)
		}
		parseBandwidth(r.options)
	})
}

func FuzzReplyRecord(f *testing.F) {
	f.Add(append(ReplyOptions(5).AppendTo(nil), make([]byte, 190)...))
	f.Add([]byte{30})
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) == 0 {
			return
		}
		code, options := parseReply(b)
		if code != b[len(b)-1] {
			t.Fatal("wrong code")
		}
		(&Reply{Options: []i2p.Mapping{options}}).Bandwidth()
	})
}

// FuzzBuildMessage opens build messages of strangers.
func FuzzBuildMessage(f *testing.F) {
	static := noise.GenerateKey(seeded(1))
	us := i2p.HashOf([]byte("router"))
	for _, long := range []bool{false, true} {
		b, err := NewBuild(epoch, Config{Long: long, Reply: ReplyTo{Tunnel: 1}, Rand: seeded(2),
			Hops: []Hop{{Router: us, Static: static.Public}, {Router: i2p.HashOf(nil), Static: static.Public}}})
		if err != nil {
			f.Fatal(err)
		}
		m := b.Message()
		f.Add(byte(m.Type), bytes.Clone(m.Body))
		m.Release()
	}
	f.Fuzz(func(t *testing.T, kind byte, b []byte) {
		r, err := OpenRequest(us, static, epoch, i2np.Message{Type: i2np.Type(kind), Body: b})
		if err != nil {
			return
		}
		m, err := r.Answer(epoch, seeded(3), RejectBandwidth, nil)
		if err != nil || len(m.Body) != len(b) {
			t.Fatalf("%d bytes answered to %d, %v", len(m.Body), len(b), err)
		}
		m.Release()
	})
}

// FuzzTunnelMessage gives an endpoint what stands behind the zero byte of a
// decrypted tunnel message, twice with different fills.
func FuzzTunnelMessage(f *testing.F) {
	std := i2np.Message{Type: i2np.DataType, Body: []byte("body")}.AppendStandard(nil)
	whole := fragment{last: true, address: address{kind: ToTunnel}, data: std}
	first := fragment{id: 5, data: std[:10]}
	second := fragment{id: 5, number: 1, last: true, data: std[10:]}
	f.Add(whole.appendTo(nil), first.appendTo(nil))
	f.Add(second.appendTo(first.appendTo(nil)), whole.appendTo(whole.appendTo(nil)))
	f.Add(second.appendTo(nil), first.appendTo(whole.appendTo(nil)))
	f.Fuzz(func(t *testing.T, one, two []byte) {
		buftest.NoLeak(t)
		a := newAssembler(ivFilter{}, false, nil, nil)
		for _, p := range [][]byte{one, two} {
			fr := framer{random: seeded(2)}
			p = p[:min(len(p), maxPayload)]
			copy(fr.extend(len(p)), p)
			m := fr.flush(nil)[0].Message
			ds, _ := a.handle(nil, epoch, m.Body, m.Owner)
			for i := range ds {
				ds[i].Forward(epoch, 1).Message.Release()
			}
		}
		a.parts.close()
	})
}

// appendTo appends the instructions and the fragment.
func (f *fragment) appendTo(b []byte) []byte {
	if f.number > 0 {
		flag := flagFollowOn | byte(f.number)<<1
		if f.last {
			flag |= 1
		}
		b = append(b, flag)
	} else {
		var head [37]byte
		b = append(b, head[:f.put(head[:], !f.last)]...)
	}
	if !f.whole() {
		b = binary.BigEndian.AppendUint32(b, f.id)
	}
	b = binary.BigEndian.AppendUint16(b, uint16(len(f.data)))
	return append(b, f.data...)
}
