package destinations

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"net"
	"os"
	"testing"
	"time"

	"i2ptoolkit/pkg/datagram"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/sockets"
)

// echoDatagrams sends datagrams and wants them back. Raw ones say who sent them in
// their payload, as they do nowhere else.
func echoDatagrams(t *testing.T, protocol byte, service, user *Local) {
	t.Helper()
	at, err := service.ListenPacket(protocol, 9)
	if err != nil {
		t.Fatal(err)
	}
	defer at.Close()
	go func() {
		b := make([]byte, 1<<16)
		for {
			n, from, err := at.ReadFrom(b)
			if err != nil {
				return
			}
			if protocol == datagram.Raw {
				peer, _, _ := i2p.ParseDestination(b[:n])
				from = sockets.Addr{Destination: peer, Port: from.(sockets.Addr).Port}
			}
			at.WriteTo(b[:n], from)
		}
	}()
	here, err := user.ListenPacket(protocol, 1234)
	if err != nil {
		t.Fatal(err)
	}
	defer here.Close()
	for _, size := range []int{0, 100, 20_000} {
		sent := append(user.Destination().AppendTo(nil), make([]byte, size)...)
		rand.NewChaCha8([32]byte{5}).Read(sent[len(sent)-size:])
		if _, err := here.WriteTo(sent, sockets.Addr{Destination: service.Destination(), Port: 9}); err != nil {
			t.Fatal(err)
		}
		here.SetReadDeadline(time.Now().Add(30 * time.Second))
		got := make([]byte, 1<<16)
		n, from, err := here.ReadFrom(got)
		if err != nil || !bytes.Equal(got[:n], sent) {
			t.Fatalf("protocol %d: %d bytes came back, of %d: %v", protocol, n, len(sent), err)
		}
		var want net.Addr = sockets.Addr{Destination: service.Destination(), Port: 9}
		switch protocol {
		case datagram.Raw:
			want = sockets.Addr{Port: 9}
		case datagram.Datagram3:
			want = sockets.HashAddr{Hash: service.Destination().Hash(), Port: 9}
		}
		if from.String() != want.String() {
			t.Errorf("protocol %d: from %v, not %v", protocol, from, want)
		}
	}
	here.SetReadDeadline(time.Now())
	if _, _, err := here.ReadFrom(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error(err)
	}
}

// TestAllDatagrams: who listens for all of them gets each kind at one port, tells what came by
// which, and answers from the same port.
func TestAllDatagrams(t *testing.T) {
	inNetwork(t, 5, func(t *testing.T, n *network) {
		service := open(t, n.halls[3], Request{Keys: newKeys(t, 1), Options: asked()})
		user := open(t, n.halls[4], Request{Options: asked()})
		at, err := service.ListenDatagrams(9)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := service.ListenDatagrams(9); !errors.Is(err, ErrTaken) {
			t.Error(err)
		}
		here, err := user.ListenFree()
		if err != nil {
			t.Fatal(err)
		}
		port := here.LocalAddr().(sockets.Addr).Port
		if port == 0 {
			t.Error("a free port that is every port")
		}
		for _, p := range []*sockets.PacketConn{at, here} {
			p.SetReadDeadline(time.Now().Add(30 * time.Second))
		}
		for _, protocol := range datagram.Protocols {
			sent := datagram.Message{Protocol: protocol, Peer: service.Destination().Hash(), PeerPort: 9, Payload: []byte("hello")}
			if err := here.WriteMessage(sent); err != nil {
				t.Fatal(err)
			}
			got, err := at.ReadMessage()
			if err != nil || got.Protocol != protocol || got.PeerPort != port || got.Port != 9 || string(got.Payload) != "hello" {
				t.Fatalf("%+v: %v", got, err)
			}
			answer := datagram.Message{Protocol: datagram.Raw, Peer: user.Destination().Hash(), PeerPort: got.PeerPort}
			if err := at.WriteMessage(answer); err != nil {
				t.Fatal(err)
			}
			if back, err := here.ReadMessage(); err != nil || back.Protocol != datagram.Raw || back.PeerPort != 9 {
				t.Fatalf("%+v: %v", back, err)
			}
		}
		if err := at.Close(); err != nil {
			t.Error(err)
		}
		if again, err := service.ListenDatagrams(9); err != nil {
			t.Errorf("after it was closed: %v", err)
		} else {
			again.Close()
		}
	})
}
