package server_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/control/client"
	"i2ptoolkit/pkg/control/controltest"
	"i2ptoolkit/pkg/datagram"
	"i2ptoolkit/pkg/i2p"
)

// session opens one.
func session(t *testing.T, ctx context.Context, c *client.Client) *client.Session {
	t.Helper()
	s, err := c.Open(ctx, control.Open{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func ports(t *testing.T, ctx context.Context, s *client.Session, req control.Datagrams) *client.Datagrams {
	t.Helper()
	d, err := s.Datagrams(ctx, req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

// TestDatagrams: each kind goes to a port and is answered; what cannot be sent is told between the
// others, and at the end there is a report.
func TestDatagrams(t *testing.T) {
	ctx, c := start(t, &controltest.Node{})
	there, here := session(t, ctx, c), session(t, ctx, c)
	at := ports(t, ctx, there, control.Datagrams{Port: 7})
	if at.Port != 7 || at.Remote != "" {
		t.Errorf("port %d, peer %q", at.Port, at.Remote)
	}
	from := ports(t, ctx, here, control.Datagrams{Free: true, Destination: there.B32})
	if from.Port == 0 || from.Remote != there.Destination {
		t.Errorf("port %d, peer %q", from.Port, from.Remote)
	}
	dest, err := i2p.ParseDestinationBase64(here.Destination)
	if err != nil {
		t.Fatal(err)
	}
	payload := bytes.Repeat([]byte("x"), 50_000)
	for _, protocol := range datagram.Protocols {
		sent := datagram.Message{Protocol: protocol, PeerPort: 7, Payload: payload}
		if protocol >= datagram.Datagram2 {
			sent.Options = i2p.Mapping{{Key: "a", Value: "b"}}
		}
		if err := from.Send(sent); err != nil {
			t.Fatal(err)
		}
		got, err := at.Receive()
		if err != nil || got.Protocol != protocol || got.Port != 7 || got.PeerPort != from.Port || !bytes.Equal(got.Payload, payload) || got.Options.Get("a") != sent.Options.Get("a") {
			t.Fatalf("%s: %v, %d bytes to %d from %d: %v", datagram.Name(protocol), got.Options, len(got.Payload), got.Port, got.PeerPort, err)
		}
		if raw := protocol == datagram.Raw; got.Peer.IsZero() != raw || got.Proven == raw || !raw && got.Peer != dest.Hash() {
			t.Errorf("%s: from %v, proven %t", datagram.Name(protocol), got.Peer, got.Proven)
		}
		if err := at.Send(datagram.Message{Protocol: datagram.Raw, Peer: dest.Hash(), PeerPort: from.Port, Payload: []byte{protocol}}); err != nil {
			t.Fatal(err)
		}
		if back, err := from.Receive(); err != nil || len(back.Payload) != 1 || back.Payload[0] != protocol {
			t.Fatalf("%v, %v", back, err)
		}
	}
	for _, bad := range []struct {
		message datagram.Message
		says    string
	}{
		{datagram.Message{Protocol: datagram.Datagram2, Payload: make([]byte, 65000)}, "a payload of 65000 bytes, where datagram2 has room for 6"},
		{datagram.Message{Protocol: datagram.Streaming}, "not a protocol of datagrams"},
	} {
		if err := from.Send(bad.message); err != nil {
			t.Fatal(err)
		}
		var unsent *client.Unsent
		if _, err := from.Receive(); !errors.As(err, &unsent) || unsent.Cause.Code != control.BadData || !strings.Contains(err.Error(), bad.says) {
			t.Errorf("%v", err)
		}
	}
	if err := at.Send(datagram.Message{Protocol: datagram.Raw}); err != nil {
		t.Fatal(err)
	}
	if _, err := at.Receive(); !errors.Is(err, &control.Error{Code: control.BadRequest}) {
		t.Errorf("to nobody: %v", err)
	}
	for d, want := range map[*client.Datagrams]control.DatagramReport{
		from: {Received: 4, Sent: 4, Last: true}, at: {Received: 4, Sent: 4, Last: true},
	} {
		if err := d.Finish(); err != nil {
			t.Fatal(err)
		}
		if _, err := d.Receive(); !errors.Is(err, io.EOF) {
			t.Errorf("at the end: %v", err)
		}
		if r, last := d.Report(); !last || r != want {
			t.Errorf("%+v, want %+v", r, want)
		}
	}
}

// TestDatagramsRefused: what a tool asks in vain has a code.
func TestDatagramsRefused(t *testing.T) {
	ctx, c := start(t, &controltest.Node{Hasty: true})
	s := session(t, ctx, c)
	first := ports(t, ctx, s, control.Datagrams{Port: 1})
	for _, bad := range []struct {
		req  control.Datagrams
		code control.Code
	}{
		{control.Datagrams{Port: 1}, control.InUse},
		{control.Datagrams{Port: 2, Protocols: []string{"tcp"}}, control.BadRequest},
		{control.Datagrams{Port: 2, Destination: "no name"}, control.BadData},
		{control.Datagrams{Port: 2, Destination: i2p.Hash{1}.B32()}, control.NotFound},
	} {
		if _, err := s.Datagrams(ctx, bad.req); !errors.Is(err, &control.Error{Code: bad.code}) {
			t.Errorf("%+v: %v, want %s", bad.req, err, bad.code)
		}
	}
	for port := range uint16(7) {
		ports(t, ctx, s, control.Datagrams{Port: 10 + port})
	}
	if _, err := s.Datagrams(ctx, control.Datagrams{Port: 99}); !errors.Is(err, &control.Error{Code: control.Busy}) {
		t.Errorf("a ninth port: %v", err)
	}
	first.Finish()
	if _, err := first.Receive(); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
	first.Close()
	for { // its place is free once the router has seen the end
		d, err := s.Datagrams(ctx, control.Datagrams{Port: 1})
		if err == nil {
			d.Close()
			break
		}
		if !errors.Is(err, &control.Error{Code: control.Busy}) && !errors.Is(err, &control.Error{Code: control.InUse}) {
			t.Fatal(err)
		}
	}
	s.Close()
	for { // the router sees that soon; until then the place of the port that ended last may be free
		d, err := s.Datagrams(ctx, control.Datagrams{Port: 3})
		if errors.Is(err, &control.Error{Code: control.NotFound}) {
			break
		}
		if err == nil {
			d.Close()
			continue
		}
		if !errors.Is(err, &control.Error{Code: control.Busy}) && !errors.Is(err, &control.Error{Code: control.InUse}) {
			t.Fatalf("of a session that has ended: %v", err)
		}
	}
}

// TestDatagramsUnread: a tool that does not read stops nobody, and is told what it has lost.
func TestDatagramsUnread(t *testing.T) {
	const sent, size = 5000, 1000
	ctx, c := start(t, &controltest.Node{})
	there, here := session(t, ctx, c), session(t, ctx, c)
	unread := ports(t, ctx, there, control.Datagrams{Port: 7})
	read := ports(t, ctx, there, control.Datagrams{Port: 8})
	from := ports(t, ctx, here, control.Datagrams{Free: true, Destination: there.B32})
	for range sent {
		if err := from.Send(datagram.Message{Protocol: datagram.Raw, PeerPort: 7, Payload: make([]byte, size)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := from.Send(datagram.Message{Protocol: datagram.Raw, PeerPort: 8}); err != nil {
		t.Fatal(err)
	}
	if _, err := read.Receive(); err != nil {
		t.Fatal(err)
	}
	unread.Finish()
	n := uint64(0)
	for ; ; n++ {
		if _, err := unread.Receive(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	r, _ := unread.Report()
	if r.Received != n || r.Dropped == 0 || n+r.Dropped != sent {
		t.Errorf("%d came: %+v", n, r)
	}
}
