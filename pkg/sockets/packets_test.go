package sockets_test

import (
	"errors"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"i2ptoolkit/pkg/datagram"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/sockets"
)

// packetConn is one with a seeded destination of its own, and what it sends.
func packetConn(t *testing.T, seed byte, cfg sockets.PacketConfig) (*sockets.PacketConn, *[][]byte) {
	t.Helper()
	if cfg.Keys == nil {
		cfg.Keys = keys(t, seed)
	}
	sent := new([][]byte)
	cfg.Local = sockets.Addr{Destination: cfg.Keys.Destination(), Port: uint16(seed)}
	cfg.Protocol = datagram.Datagram2
	cfg.Send = func(_ i2p.Hash, framed []byte) error {
		*sent = append(*sent, framed)
		return nil
	}
	p, err := sockets.NewPacketConn(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return p, sent
}

// TestPacketCounts: all that comes is counted, by what became of it, for the port and for all ports.
func TestPacketCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Unix(1_750_000_000, 0)
		offline, err := keys(t, 3).NewOfflineKeys(keys(t, 4).SigningType(), uint32(now.Unix())+10, nil)
		if err != nil {
			t.Fatal(err)
		}
		var sought []i2p.Hash
		total := new(sockets.PacketCounts)
		at, _ := packetConn(t, 1, sockets.PacketConfig{
			Counts: total, Now: func() time.Time { return now }, Seek: func(h i2p.Hash) { sought = append(sought, h) },
		})
		to := at.LocalAddr().(sockets.Addr).Destination.Hash()
		a, fromA := packetConn(t, 2, sockets.PacketConfig{})
		b, fromB := packetConn(t, 3, sockets.PacketConfig{Keys: offline})
		send := func(p *sockets.PacketConn, sent *[][]byte, protocol byte, to i2p.Hash) []byte {
			if err := p.WriteMessage(datagram.Message{Protocol: protocol, Peer: to, Payload: []byte("x")}); err != nil {
				t.Fatal(err)
			}
			return (*sent)[len(*sent)-1]
		}
		hashA := a.LocalAddr().(sockets.Addr).Destination.Hash()
		deliver := func(framed []byte, session i2p.Hash) { at.Deliver(datagram.Header{}, framed, session) }
		deliver(send(a, fromA, datagram.Datagram2, to), i2p.Hash{})     // good
		deliver(send(a, fromA, datagram.Datagram2, i2p.Hash{9}), hashA) // replayed by its own sender, or by another
		deliver(send(a, fromA, datagram.Datagram2, hashA), hashA)       // misdirected
		deliver(send(a, fromA, datagram.Datagram2, hashA), i2p.Hash{1}) // and replayed
		deliver(send(a, fromA, datagram.Datagram3, to), i2p.Hash{})     // unproven
		deliver(send(a, fromA, datagram.Datagram3, to), hashA)          // proven
		deliver(send(a, fromA, datagram.Raw, to), i2p.Hash{})           // nobody says anything
		deliver(send(b, fromB, datagram.Datagram2, to), i2p.Hash{})     // offline
		deliver([]byte("no gzip"), i2p.Hash{})                          // malformed
		at.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
		n := 0
		for ; ; n++ {
			if _, err := at.ReadMessage(); errors.Is(err, os.ErrDeadlineExceeded) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
		}
		now = now.Add(time.Minute)
		deliver(send(b, fromB, datagram.Datagram2, to), i2p.Hash{})
		at.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
		if _, err := at.ReadMessage(); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error(err)
		}
		at.SetReadDeadline(time.Time{})
		for range 5000 {
			deliver(make([]byte, 10), i2p.Hash{})
		}
		want := sockets.PacketStats{Received: 6, Dropped: 5000 - 4096, Malformed: 1, BadSignature: 2, Expired: 1, Unproven: 1, Misdirected: 1}
		if n != 6 || at.Stats() != want || total.Stats() != want {
			t.Errorf("%d came: %+v, and in all %+v, want %+v", n, at.Stats(), total.Stats(), want)
		}
		if len(sought) != 1 || sought[0] != hashA {
			t.Errorf("%v were looked for", sought)
		}
		if st := a.Stats(); st.Sent != 7 {
			t.Errorf("%+v", st)
		}
	})
}

// TestPacketRoom: a burst has 4 MiB of room, and once much waits for all together a MiB; what is read makes room again.
func TestPacketRoom(t *testing.T) {
	total := new(sockets.PacketCounts)
	held := func(p *sockets.PacketConn) (n int) {
		before := p.Stats().Dropped
		for p.Stats().Dropped == before {
			p.Deliver(datagram.Header{}, make([]byte, 32<<10), i2p.Hash{})
			n += 32 << 10
		}
		return n - 32<<10
	}
	var all []*sockets.PacketConn
	for i := range 20 {
		p, _ := packetConn(t, byte(1+i), sockets.PacketConfig{Counts: total})
		all = append(all, p)
		want := 4 << 20
		if i > 16 {
			want = 1 << 20
		}
		if n := held(p); n != want && i != 16 {
			t.Errorf("socket %d holds %d bytes, want %d", i, n, want)
		}
	}
	for _, p := range all {
		p.End()
	}
	p, _ := packetConn(t, 99, sockets.PacketConfig{Counts: total})
	if n := held(p); n != 4<<20 {
		t.Errorf("after the others' end one holds %d bytes", n)
	}
}

// TestPacketSize: what is too long is said to be, and nothing is sent.
func TestPacketSize(t *testing.T) {
	p, sent := packetConn(t, 1, sockets.PacketConfig{})
	var size datagram.SizeError
	_, err := p.WriteTo(make([]byte, 65000), sockets.HashAddr{Hash: i2p.Hash{1}, Port: 1})
	if !errors.As(err, &size) || size.Len != 65000 || size.Max < 60000 || len(*sent) > 0 {
		t.Errorf("%v, and %d were sent", err, len(*sent))
	}
}

// TestPacketPortIsFree: who waits for a datagram learns of the end once the port may be taken anew.
func TestPacketPortIsFree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := make(chan error, 1)
		at, _ := packetConn(t, 1, sockets.PacketConfig{Closed: func() {
			synctest.Wait()
			if len(ended) > 0 {
				t.Error("who waits learns of the end before the port is free")
			}
		}})
		go func() {
			_, err := at.ReadMessage()
			ended <- err
		}()
		synctest.Wait()
		if err := at.Close(); err != nil {
			t.Error(err)
		}
		if err := <-ended; !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
		if err := at.Close(); !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	})
}
