//go:build unix

package devnet

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/control/server"
	"i2ptoolkit/pkg/datagram"
)

// BenchmarkDatagrams sends datagrams of 1 KB from one router of a devnet to another, through three hops
// on each side, as fast as they are taken or paced, and tells how many got lost. 10,000 of them:
//
//	go test -run '^$' -bench Datagrams -benchtime 10000x ./pkg/devnet
//
// In an exchange, the peer has answered before, so that a session stands, and so it has where they are
// paced: a millisecond apart. A blind sender has heard nothing of the peer
// when it begins.
func BenchmarkDatagrams(b *testing.B) {
	for _, way := range []string{"exchange", "paced", "blind"} {
		for _, protocol := range []byte{datagram.Raw, datagram.Datagram2, datagram.Datagram3} {
			b.Run(way+"/"+datagram.Name(protocol), func(b *testing.B) { benchDatagrams(b, protocol, way) })
		}
	}
}

func benchDatagrams(b *testing.B, protocol byte, way string) {
	ctx, d := running(b)
	from, to, peer := ports(ctx, b, d)
	if way != "blind" {
		greet(b, from, to, peer)
	}
	var came atomic.Int64
	last := make(chan struct{})
	arrived := make(chan time.Time, 1)
	go func() {
		defer close(last)
		at := time.Now()
		for {
			if _, err := to.ReadMessage(); err != nil {
				arrived <- at
				return
			}
			came.Add(1)
			at = time.Now()
		}
	}()
	m := datagram.Message{Protocol: protocol, Peer: peer.Destination().Hash(), PeerPort: 7, Payload: make([]byte, 1024)}
	for i := range m.Payload {
		m.Payload[i] = byte(i * i >> 3) // which does not compress
	}
	b.SetBytes(int64(len(m.Payload)))
	pace := time.NewTicker(time.Millisecond)
	defer pace.Stop()
	spent, began := spend(), time.Now()
	b.ResetTimer()
	for range b.N {
		if way == "paced" {
			<-pace.C
		}
		for {
			err := from.WriteMessage(m)
			if err == nil {
				break
			}
			if !errors.Is(err, &control.Error{Code: control.Busy}) {
				b.Fatal(err)
			}
			from.pass()
		}
	}
	for before := int64(-1); before < came.Load() && came.Load() < int64(b.N); { // until no more come
		before = came.Load()
		<-time.After(time.Second)
	}
	b.StopTimer()
	to.Close()
	<-last
	spent.report(b, float64(b.N)*float64(len(m.Payload))/1e6)
	b.ReportMetric(100*(1-float64(came.Load())/float64(b.N)), "lost-%")
	b.ReportMetric(float64(came.Load())/(<-arrived).Sub(began).Seconds(), "datagrams/s")
}

// sender is a port, and how it waits for those before.
type sender struct {
	server.Datagrams
	pass func()
}

// ports opens a port at each of two nodes, the first of which knows the way to the other.
func ports(ctx context.Context, b *testing.B, d *Network) (from sender, to server.Datagrams, peer server.Destination) {
	b.Helper()
	options := map[string]string{"inbound.length": "3", "outbound.length": "3"}
	peer, err := d.nodes[1].OpenDestination(ctx, server.DestinationConfig{Options: options})
	if err != nil {
		b.Fatal(err)
	}
	if to, err = peer.ListenDatagrams(7, false); err != nil {
		b.Fatal(err)
	}
	if err := peer.Ready(ctx); err != nil {
		b.Fatal(err)
	}
	here, err := d.nodes[0].OpenDestination(ctx, server.DestinationConfig{Options: options})
	if err != nil {
		b.Fatal(err)
	}
	if from.Datagrams, err = here.ListenDatagrams(0, true); err != nil {
		b.Fatal(err)
	}
	from.pass = here.Pass
	if err := here.Reach(ctx, peer.Destination().Hash()); err != nil {
		b.Fatal(err)
	}
	return from, to, peer
}

// greet has the peer answer, as often as it takes.
func greet(b *testing.B, from sender, to server.Datagrams, peer server.Destination) {
	b.Helper()
	answered := make(chan error, 1)
	go func() {
		_, err := from.ReadMessage()
		answered <- err
	}()
	heard := make(chan error, 1)
	go func() {
		m, err := to.ReadMessage()
		if err == nil {
			err = to.WriteMessage(datagram.Message{Protocol: datagram.Raw, Peer: m.Peer, PeerPort: m.PeerPort})
		}
		heard <- err
	}()
	if err := from.WriteMessage(datagram.Message{Protocol: datagram.Datagram2, Peer: peer.Destination().Hash(), PeerPort: 7}); err != nil {
		b.Fatal(err)
	}
	for _, done := range []chan error{heard, answered} {
		select {
		case err := <-done:
			if err != nil {
				b.Fatal(err)
			}
		case <-time.After(30 * time.Second):
			b.Fatal("no answer came")
		}
	}
}
