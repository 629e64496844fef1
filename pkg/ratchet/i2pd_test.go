package ratchet

import (
	"bytes"
	"crypto/mlkem"
	"crypto/mlkem/mlkemtest"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"testing"

	"i2ptoolkit/pkg/draw"
	"i2ptoolkit/pkg/elligator"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/kem"
	"i2ptoolkit/pkg/noise"
)

// hexBytes are bytes that JSON holds in hexadecimal.
type hexBytes []byte

func (h *hexBytes) UnmarshalText(b []byte) (err error) {
	*h, err = hex.DecodeString(string(b))
	return err
}

// recording is one conversation with i2pd's own session code. i2pd took
// every message of ours.
type recording struct {
	Type    i2p.EncryptionType
	Role    string     // ours
	Private hexBytes   // our static key
	Peer    hexBytes   // i2pd's static public key
	Draw    hexBytes   // what our handshake message drew
	Payload hexBytes   // of our handshake message
	New     hexBytes   // New Session
	Reply   hexBytes   // New Session Reply
	Sent    hexBytes   // our first Existing Session message, with a clove "data"
	Data    []hexBytes // i2pd's first, with cloves "data"
}

// encapsulateWith makes the secret of the next 32 bytes that were drawn.
func encapsulateWith(draws io.Reader) encapsulator {
	return func(kind kem.Kind, key []byte) (secret, ciphertext []byte, err error) {
		m := make([]byte, 32)
		draw.Fill(draws, m)
		if kind == kem.MLKEM1024 {
			e, err := mlkem.NewEncapsulationKey1024(key)
			if err != nil {
				return nil, nil, err
			}
			return mlkemtest.Encapsulate1024(e, m)
		}
		e, err := mlkem.NewEncapsulationKey768(key)
		if err != nil {
			return nil, nil, err
		}
		return mlkemtest.Encapsulate768(e, m)
	}
}

// testdata/i2pd.json was recorded by running the ratchet classes of i2pd
// (commit 59b50e7c, December 2025; ML-KEM by OpenSSL 3.5) against this
// package: both roles, X25519 and two hybrids.
func TestRecordedI2PD(t *testing.T) {
	b, err := os.ReadFile("testdata/i2pd.json")
	if err != nil {
		t.Fatal(err)
	}
	var all []recording
	if err := json.Unmarshal(b, &all); err != nil {
		t.Fatal(err)
	}
	for _, r := range all {
		own := noise.NewKeyPair([32]byte(r.Private))
		var send, receive chain
		if r.Role == "alice" {
			ns, h, err := sealNew(nil, bytes.NewReader(r.Draw), Peer{[32]byte(r.Peer), r.Type}, own, r.Payload)
			if err != nil || !bytes.Equal(ns, r.New) {
				t.Fatalf("type %d: New Session %x, %v", r.Type, ns, err)
			}
			_, tr, err := h.openReply(bytes.Clone(r.Reply))
			if err != nil {
				t.Fatalf("type %d: reply: %v", r.Type, err)
			}
			send, receive = tr.ab, tr.ba
		} else {
			remote := elligator.Decode([32]byte(r.New))
			secret, err := own.DH(remote)
			if err != nil {
				t.Fatal(err)
			}
			h, _, err := openNew(initial(r.Type, own.Public), r.Type, own, remote, secret, r.New)
			if err != nil || !bytes.Equal(h.peer[:], r.Peer) {
				t.Fatalf("type %d: New Session from %x: %v", r.Type, h.peer, err)
			}
			tags := h.replyChain()
			draws := bytes.NewReader(r.Draw)
			nsr, tr, err := h.sealReply(nil, draws, encapsulateWith(draws), tagBytes(tags.tag()), r.Payload)
			if err != nil || !bytes.Equal(nsr, r.Reply) {
				t.Fatalf("type %d: reply %x, %v", r.Type, nsr, err)
			}
			send, receive = tr.ba, tr.ab
		}
		check := func(who string, c *chain, n int, body []byte) {
			t.Helper()
			tag, key := tagBytes(c.tag()), c.key()
			if !bytes.HasPrefix(body, tag[:]) {
				t.Fatalf("type %d, %s %d: tag %x, want %x", r.Type, who, n, body[:tagLen], tag)
			}
			p := payload{cloveLimit: 1}
			plain, err := openAEAD(&key, n, bytes.Clone(body))
			if err == nil {
				err = p.parse(plain, nil)
			}
			if err != nil || len(p.cloves) != 1 || string(p.cloves[0].Message.Body) != "data" {
				t.Fatalf("type %d, %s %d: %+v, %v", r.Type, who, n, p, err)
			}
		}
		check("ours", &send, 0, r.Sent)
		for n, body := range r.Data {
			check("theirs", &receive, n, body)
		}
	}
	if len(all) != 6 {
		t.Errorf("%d recordings", len(all))
	}
}
