package i2np

import (
	"bytes"
	"testing"

	"i2ptoolkit/pkg/i2p"
)

// same fails the test unless a parsed value marshals back to its bytes.
func same(t *testing.T, in, out []byte) {
	t.Helper()
	if !bytes.Equal(in, out) {
		t.Fatalf("parsed from\n% x\nmarshals to\n% x", in, out)
	}
}

func FuzzMessage(f *testing.F) {
	f.Add(Message{Type: DataType, ID: 5, Expiration: 9000, Body: []byte("x")}.AppendStandard(nil))
	f.Add(Message{Type: DataType, ID: 5, Expiration: 9000, Body: []byte("x")}.AppendShort(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		if m, err := ParseShort(b); err == nil {
			same(t, b, m.AppendShort(nil))
		}
		if m, rest, err := ParseStandard(b); err == nil {
			out := append(m.AppendStandard(nil), rest...)
			out[15] = b[15] // the checksum is not verified
			same(t, b, out)
		}
	})
}

func FuzzClove(f *testing.F) {
	m := Message{Type: DataType, ID: 5, Expiration: 9000, Body: []byte("x")}
	for k := range DeliveryKind(4) {
		f.Add(Clove{DeliveryInstructions{Kind: k, To: hash(1), Tunnel: 3}, m}.AppendTo(nil))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if c, err := ParseClove(b); err == nil {
			in := bytes.Clone(b)
			in[0] &= 0x60 // reserved bits are ignored
			same(t, in, c.AppendTo(nil))
			if c.Len() != len(b) {
				t.Fatalf("Len %d of %d bytes", c.Len(), len(b))
			}
		}
	})
}

func FuzzGarlic(f *testing.F) {
	m := Message{Type: DataType, ID: 5, Expiration: 9000, Body: []byte("x")}
	one := GarlicClove{Clove{DeliveryInstructions{Kind: DeliverTunnel, To: hash(1), Tunnel: 3}, m}, 7, 8000}
	f.Add(Garlic{nil, 3, 4}.AppendTo(nil))
	f.Add(Garlic{[]GarlicClove{one, {Clove: Clove{Message: m}}}, 3, 4}.AppendTo(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		const limit = 3
		g, err := ParseGarlicCloves(b, limit)
		if err != nil {
			if g.Cloves != nil {
				t.Fatal("cloves and an error")
			}
			return
		}
		out := g.AppendTo(nil)
		if len(g.Cloves) > limit || g.Len() != len(b) || len(out) != len(b) {
			t.Fatalf("%d cloves, %d and %d of %d bytes", len(g.Cloves), g.Len(), len(out), len(b))
		}
		again, err := ParseGarlicCloves(out, limit) // reserved bits and checksums are ignored
		if err != nil {
			t.Fatal(err)
		}
		same(t, out, again.AppendTo(nil))
	})
}

func FuzzDatabaseStore(f *testing.F) {
	f.Add(DatabaseStore{Key: hash(1), Data: []byte("gzip")}.AppendTo(nil))
	f.Add(DatabaseStore{Key: hash(1), Type: StoreLeaseSet2, ReplyToken: 1, ReplyTunnel: 2, ReplyGateway: hash(3), Data: []byte("ls")}.AppendTo(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, err := ParseDatabaseStore(b); err == nil {
			in := bytes.Clone(b)
			in[32] &= 0x0f
			same(t, in, s.AppendTo(nil))
		}
	})
}

func FuzzDatabaseLookup(f *testing.F) {
	l := DatabaseLookup{Key: hash(1), From: hash(2), Kind: LookupRouterInfo}
	f.Add(l.AppendTo(nil))
	l.ViaTunnel, l.ReplyTunnel, l.Exclude, l.Encryption = true, 3, []i2p.Hash{hash(4)}, ReplyECIES
	f.Add(l.AppendTo(nil))
	l.Encryption, l.SessionTags = ReplyElGamal, [][32]byte{hash(5)}
	f.Add(l.AppendTo(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		if l, err := ParseDatabaseLookup(b); err == nil {
			in := bytes.Clone(b)
			in[64] &= 0x1f
			same(t, in, l.AppendTo(nil))
		}
	})
}

func FuzzDatabaseSearchReply(f *testing.F) {
	f.Add(DatabaseSearchReply{Key: hash(1), Peers: []i2p.Hash{hash(2), hash(3)}, From: hash(4)}.AppendTo(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, err := ParseDatabaseSearchReply(b); err == nil {
			same(t, b, r.AppendTo(nil))
		}
	})
}

func FuzzPayload(f *testing.F) {
	f.Add(AppendData(nil, []byte("payload")))
	f.Add(DeliveryStatus{1, 2}.AppendTo(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		if p, err := ParseData(b); err == nil {
			same(t, b, AppendData(nil, p))
		}
		if p, err := ParseGarlic(b); err == nil {
			same(t, b, AppendGarlic(nil, p))
		}
		if s, err := ParseDeliveryStatus(b); err == nil {
			same(t, b, s.AppendTo(nil))
		}
	})
}

func FuzzTunnel(f *testing.F) {
	f.Add(byte(TunnelDataType), TunnelData{7, make([]byte, 1024)}.AppendTo(nil))
	f.Add(byte(TunnelGatewayType), TunnelGateway{7, []byte("message")}.AppendTo(nil))
	f.Add(byte(ShortTunnelBuildType), append([]byte{1}, make([]byte, ShortRecordLen)...))
	f.Add(byte(TunnelBuildType), make([]byte, MaxBuildRecords*LongRecordLen))
	f.Fuzz(func(t *testing.T, kind byte, b []byte) {
		if d, err := ParseTunnelData(b); err == nil {
			same(t, b, d.AppendTo(nil))
		}
		if g, err := ParseTunnelGateway(b); err == nil {
			same(t, b, g.AppendTo(nil))
		}
		if r, err := ParseBuildRecords(Type(kind), b); err == nil {
			same(t, b, r.AppendTo(nil))
		}
	})
}

func FuzzRouterInfoGzip(f *testing.F) {
	f.Add(CompressRouterInfo([]byte("router info")))
	f.Fuzz(func(t *testing.T, b []byte) {
		if info, err := DecompressRouterInfo(b, 4096); err == nil && len(info) > 4096 {
			t.Fatalf("%d bytes", len(info))
		}
	})
}

// FuzzDeliveryStatus: what parses has one length, and marshals back.
func FuzzDeliveryStatus(f *testing.F) {
	f.Add(DeliveryStatus{MessageID: 1, Timestamp: 2}.AppendTo(nil))
	f.Add(make([]byte, DeliveryStatusLen+1))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := ParseDeliveryStatus(b)
		if (err == nil) != (len(b) == DeliveryStatusLen) {
			t.Fatalf("%d bytes: %v", len(b), err)
		}
		if err != nil {
			if s != (DeliveryStatus{}) {
				t.Fatal("a value and an error")
			}
			return
		}
		same(t, b, s.AppendTo(nil))
	})
}
