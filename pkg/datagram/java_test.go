package datagram_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"slices"
	"testing"
	"time"

	"i2ptoolkit/pkg/datagram"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/sign"
)

// hexBytes are bytes as the vectors have them.
type hexBytes []byte

func (h *hexBytes) UnmarshalText(text []byte) (err error) {
	*h, err = hex.DecodeString(string(text))
	return err
}

// javaDatagram is one that Java I2P made.
type javaDatagram struct {
	Protocol string   `json:"protocol"`
	Sender   string   `json:"sender"`
	Keys     hexBytes `json:"keys"` // the sender's private key file
	To       hexBytes `json:"to"`
	Options  hexBytes `json:"options"`
	Payload  hexBytes `json:"payload"`
	Body     hexBytes `json:"body"`
}

// TestJava reads what Java I2P made, and makes the same: byte for byte, where signatures are not drawn
// by lot.
func TestJava(t *testing.T) {
	b, err := os.ReadFile("../../docs/vectors/datagrams/java.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		MadeBy    string         `json:"made_by"`
		Datagrams []javaDatagram `json:"datagrams"`
	}
	if err := json.Unmarshal(b, &file); err != nil || len(file.Datagrams) < 15 {
		t.Fatalf("%d datagrams: %v", len(file.Datagrams), err)
	}
	for _, d := range file.Datagrams {
		name := d.Protocol + " of " + d.Sender
		keys, rest, err := i2p.ParsePrivateKeys(d.Keys)
		if err != nil || len(rest) > 0 {
			t.Fatalf("%s: %v", name, err)
		}
		var options i2p.Mapping
		if len(d.Options) > 0 {
			if options, _, err = i2p.ParseMapping(d.Options); err != nil {
				t.Fatal(err)
			}
		}
		protocol, err := datagram.ParseName(d.Protocol)
		if err != nil {
			t.Fatal(err)
		}
		own, to := keys.Destination().Hash(), i2p.Hash(d.To)
		framed := datagram.Header{Protocol: protocol}.AppendStored(nil, d.Body)
		m, err := datagram.Receiver{Own: to, Now: time.Unix(1_750_000_000, 0)}.Parse(framed)
		if err != nil || m.Peer != own || !bytes.Equal(m.Payload, d.Payload) || !slices.Equal(m.Options, options) || m.Misdirected {
			t.Errorf("%s: %+v, %v", name, m, err)
		}
		if keys.SigningType() != sign.EdDSA_SHA512_Ed25519 && m.Signed() {
			continue
		}
		ours, err := datagram.Message{Protocol: protocol, Peer: to, Options: options, Payload: d.Payload}.AppendFrom(nil, keys, own)
		if err != nil {
			t.Fatal(err)
		}
		if _, body, err := datagram.Decode(ours, 0); err != nil || !bytes.Equal(body, d.Body) {
			t.Errorf("%s: ours is %x, Java's %x: %v", name, body, []byte(d.Body), err)
		}
	}
}
