//go:build linux

package interop

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"i2ptoolkit/pkg/i2p"
)

// heard is a datagram that i2p-tunnel listen -u --json printed.
type heard struct {
	From, Protocol, Text string
	Proven               bool
}

// datagramsWithI2PD sends each kind of datagram from i2pd's SAM to i2p-tunnel listen -u, and back. i2pd
// signs a Datagram2 over its own hash: that is taken, as it comes in i2pd's session.
func datagramsWithI2PD(t *testing.T, n *Network, b *Router) {
	ctx := gate(t, 4*time.Minute)
	listen, b32, err := b.Listen(ctx, "--hops", "2", "-u", "--json")
	if err != nil {
		t.Fatal(err)
	}
	defer listen.Close()
	in := make(chan heard, 64)
	go func() {
		defer close(in)
		for d := json.NewDecoder(listen); ; {
			var h heard
			if d.Decode(&h) != nil {
				return
			}
			in <- h
		}
	}()
	for _, kind := range []struct{ style, protocol string }{
		{"DATAGRAM", "repliable"}, {"DATAGRAM2", "datagram2"}, {"DATAGRAM3", "datagram3"}, {"RAW", "raw"},
	} {
		session, err := n.I2PD[4].SAMDatagrams(ctx, kind.style, TunnelOptions(2, 2))
		if err != nil {
			t.Fatal(err)
		}
		defer session.Close()
		ours, err := awaitLookup(ctx, session.SAMSession, b32)
		if err != nil {
			t.Fatal(err)
		}
		theirs, err := i2p.ParseDestinationBase64(session.Destination)
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		got, err := untilHeard(ctx, in, kind.protocol, func() error { return session.Send(ours, "from i2pd") })
		if err != nil {
			t.Fatalf("%s: %v: %s", kind.style, err, listen.LogTail(5))
		}
		t.Logf("%s came after %v: %+v", kind.style, time.Since(began).Round(time.Millisecond), got)
		if raw := kind.protocol == "raw"; got.Text != "from i2pd" || got.Proven == raw || !raw && got.From != theirs.B32() {
			t.Errorf("%s: %+v, from %s", kind.style, got, theirs.B32())
		}
		answer := fmt.Sprintf(`{"to":%q,"protocol":%q,"text":"from ours"}`+"\n", theirs.B32(), kind.protocol)
		from, text, err := untilAnswered(ctx, session, func() error {
			_, err := listen.Write([]byte(answer))
			return err
		})
		if want := sourceOf(kind.protocol, ours); err != nil || text != "from ours" || from != want {
			t.Errorf("%s: i2pd heard %q from %.20s: %v", kind.style, text, from, err)
		}
	}
}

// sourceOf is what a SAM bridge says of a sender: the hash alone where the datagram has no more.
func sourceOf(protocol, destination string) string {
	switch protocol {
	case "raw":
		return ""
	case "datagram3":
		d, err := i2p.ParseDestinationBase64(destination)
		if err != nil {
			return err.Error()
		}
		return d.Hash().String()
	}
	return destination
}

// awaitLookup resolves a b32 address once i2pd finds it.
func awaitLookup(ctx context.Context, s *SAMSession, b32 string) (dest string, err error) {
	err = Await(ctx, 90*time.Second, "i2pd finds "+b32, func(ctx context.Context) error {
		dest, err = s.Lookup(ctx, b32)
		return err
	})
	return dest, err
}

// say is how long one who hears nothing is waited for, before it is said again: datagrams get lost.
const say = 2 * time.Second

func untilHeard(ctx context.Context, in <-chan heard, protocol string, again func() error) (heard, error) {
	for {
		if err := again(); err != nil {
			return heard{}, err
		}
		for timer := time.After(say); timer != nil; {
			select {
			case h, ok := <-in:
				if !ok {
					return heard{}, fmt.Errorf("i2p-tunnel ended")
				}
				if h.Protocol == protocol {
					return h, nil
				}
			case <-timer:
				timer = nil
			case <-ctx.Done():
				return heard{}, ctx.Err()
			}
		}
	}
}

func untilAnswered(ctx context.Context, s *SAMDatagrams, again func() error) (from, text string, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		from, text, err = s.Receive(ctx)
	}()
	for {
		if err := again(); err != nil {
			return "", "", err
		}
		select {
		case <-done:
			return from, text, err
		case <-time.After(say):
		}
	}
}
