package control

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"reflect"
	"testing"

	"i2ptoolkit/pkg/datagram"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/sign"
)

// frames are some of each kind.
func frames(t testing.TB) [][]byte {
	t.Helper()
	keys, err := i2p.GenerateDestination(sign.EdDSA_SHA512_Ed25519, i2p.CryptoElGamal, rand.NewChaCha8([32]byte{1}))
	if err != nil {
		t.Fatal(err)
	}
	var all [][]byte
	for _, m := range []datagram.Message{
		{Protocol: datagram.Raw, Port: 1, PeerPort: 2, Payload: []byte("hello")},
		{Protocol: datagram.Datagram3, Peer: i2p.Hash{3}, Options: i2p.Mapping{{Key: "a", Value: "b"}}},
		{Protocol: datagram.Datagram2, Peer: keys.Destination().Hash(), From: keys.Destination(), Proven: true, Payload: make([]byte, 60000)},
	} {
		b, err := AppendDatagram(nil, m)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, b)
	}
	for _, r := range []DatagramReport{{Last: true, Received: 5}, {Error: Errorf(BadRequest, "too long")}} {
		b, err := AppendReport(nil, r)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, b)
	}
	return all
}

// TestFrames: one after the other they come as they were sent, and an end within one is no end.
func TestFrames(t *testing.T) {
	all := frames(t)
	stream := bytes.NewReader(bytes.Join(all, nil))
	var b []byte
	for i, want := range all {
		var err error
		if b, err = ReadFrame(stream, b); err != nil {
			t.Fatal(err)
		}
		m, r, err := ParseFrame(b)
		if err != nil {
			t.Fatal(err)
		}
		got, err := AppendDatagram(nil, m)
		if r != nil {
			got, err = AppendReport(nil, *r)
		}
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("frame %d is another: %v", i, err)
		}
	}
	if _, err := ReadFrame(stream, b); !errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error(err)
	}
	for _, n := range []int{4, 5, len(all[0]) - 1} {
		if _, err := ReadFrame(bytes.NewReader(all[0][:n]), nil); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
	if _, err := ReadFrame(bytes.NewReader([]byte{0xff, 0, 0, 0}), nil); !errors.Is(err, ErrFrame) {
		t.Error(err)
	}
	if _, err := AppendDatagram(nil, datagram.Message{Payload: make([]byte, maxFrame)}); !errors.Is(err, ErrFrame) {
		t.Error(err)
	}
}

func FuzzParseFrame(f *testing.F) {
	for _, b := range frames(f) {
		f.Add(b[4:])
		f.Add(b[4 : len(b)-1])
	}
	f.Add(append([]byte{frameDatagram}, make([]byte, maxFrame)...))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, r, err := ParseFrame(b)
		if err != nil {
			if r != nil || !reflect.DeepEqual(m, datagram.Message{}) {
				t.Error("something beside an error")
			}
			return
		}
		if r != nil {
			return
		}
		got, err := AppendDatagram(nil, m)
		if err != nil {
			t.Fatal(err)
		}
		again, _, err := ParseFrame(got[4:])
		if err != nil || !reflect.DeepEqual(again, m) {
			t.Errorf("%+v came back as %+v: %v", m, again, err)
		}
	})
}
