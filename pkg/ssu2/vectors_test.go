package ssu2

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"i2ptoolkit/pkg/kem"
	"i2ptoolkit/pkg/noise"
	"i2ptoolkit/pkg/routerinfo"
	"i2ptoolkit/pkg/vectors"
)

// TestVectors replays the handshakes that running routers have accepted, i2pd
// ones and, where there is ML-KEM, those of emissary: every byte that we say comes again, and so do the keys, with which the
// packets of the data phase open.
func TestVectors(t *testing.T) {
	files, err := filepath.Glob("../../docs/vectors/ssu2/*.json")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, path := range files {
		t.Run(filepath.Base(path), func(t *testing.T) {
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			var v vectors.SSU2
			if err := json.Unmarshal(b, &v); err != nil {
				t.Fatal(err)
			}
			replay(t, &v)
		})
	}
}

func replay(t *testing.T, v *vectors.SSU2) {
	kind, _ := kem.ParseKind(v.Hybrid)
	e := NewEndpoint(Config{
		Hybrids: Hybrids(kind, routerinfo.MaxSSU2MTU, netip.IPv4Unspecified()),
		Static:  noise.NewKeyPair([32]byte(v.Static)), Intro: [32]byte(v.Intro), NetID: byte(v.NetID),
		Options: Options{TransmitMax: 1, ReceiveMax: 1}, Info: func() []byte { return v.RouterInfo },
		Rand: rand.NewChaCha8([32]byte(v.Seed)),
	})
	var done *Established
	for i, step := range v.Steps {
		var r Result
		now := time.Unix(0, step.Time)
		switch {
		case step.In != nil:
			r = e.Handle(now, netip.MustParseAddrPort(step.From), step.In)
		case step.Tick:
			r = e.Tick(now)
		default:
			info, err := routerinfo.Parse(v.PeerInfo)
			if err != nil {
				t.Fatal(err)
			}
			target, _ := TargetOf(info, info.SSU2()[0])
			target.Token = Token(v.Token)
			if _, r, err = e.Dial(now, target); err != nil {
				t.Fatal(err)
			}
		}
		if len(r.Send) != len(step.Out) {
			t.Fatalf("step %d: %d datagrams, want %d", i, len(r.Send), len(step.Out))
		}
		for j, d := range r.Send {
			if !bytes.Equal(d.Data, step.Out[j]) {
				t.Fatalf("step %d, datagram %d:\n%x, want\n%x", i, j, d.Data, step.Out[j])
			}
		}
		if r.Established != nil {
			done = r.Established
		}
	}
	if done == nil || done.Initiator != v.Alice || done.Hybrid != kind {
		t.Fatal("no session")
	}
	got := fmt.Sprintf("%d %d %x %x %x %x", done.LocalID, done.RemoteID, done.Send.Data, done.Send.Header.K2, done.Receive.Data, done.Receive.Header.K2)
	want := fmt.Sprintf("%d %d %x %x %x %x", v.Keys.LocalID, v.Keys.RemoteID, []byte(v.Keys.Send), []byte(v.Keys.SendHeader), []byte(v.Keys.Receive), []byte(v.Keys.ReceiveHeader))
	if got != want {
		t.Fatalf("keys\n%s, want\n%s", got, want)
	}
	sent, received := 0, 0
	for i, f := range v.Data {
		keys, id := done.Receive, done.LocalID
		if f.Sent {
			keys, id = done.Send, done.RemoteID
			sent++
		} else {
			received++
		}
		header := keys.Header.Unmask(f.Bytes)
		h := mustShort(header[:])
		plain, err := noise.Open(nil, &keys.Data, uint64(h.Number), header[:], f.Bytes[ShortHeaderLen:])
		if err != nil || h.Dest != id || h.Type != TypeData || !bytes.Equal(plain, f.Plain) {
			t.Fatalf("packet %d: %+v, %v", i, h, err)
		}
	}
	if sent == 0 || received == 0 {
		t.Fatalf("%d and %d packets", sent, received)
	}
}
