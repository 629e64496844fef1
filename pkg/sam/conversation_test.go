package sam

import (
	"flag"
	"strings"
	"testing"
	"time"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/sam/samtest"
	"i2ptoolkit/pkg/sign"
)

// TestConversation has every scene with the server: each line that clients say has the answer that the specification
// gives it.
func TestConversation(t *testing.T) {
	w := newWorld()
	keys, err := i2p.GenerateDestination(sign.EdDSA_SHA512_Ed25519, i2p.CryptoElGamal, nil)
	if err != nil {
		t.Fatal(err)
	}
	w.names["here.i2p"] = keys.Destination()
	srv := w.server(t, Settings{UDP: "127.0.0.1:0"})
	with := samtest.Server{TCP: srv.addr(), UDP: srv.udpAddr(), Vars: map[string]string{
		"here": i2p.EncodeBase64(keys.Destination().Bytes()), "fill": strings.Repeat("x", 1980),
	}}
	said := 0
	for _, scene := range samtest.Scenes() {
		for _, line := range scene.Lines {
			if strings.Contains(line[:min(len(line), 5)], ">") {
				said++
			}
		}
		t.Run(scene.Name, func(t *testing.T) {
			if err := with.Play(scene); err != nil {
				t.Error(err)
			}
		})
	}
	if said < 120 {
		t.Errorf("%d lines", said)
	}
	t.Logf("%d scenes, %d lines in", len(samtest.Scenes()), said)
}

var (
	otherTCP = flag.String("server", "", "have the conversation with the SAM server at this ADDRESS:PORT, and list what it answers otherwise")
	otherUDP = flag.String("server-udp", "127.0.0.1:7655", "where that server takes datagrams")
)

// TestOtherServer lists what another implementation says otherwise. It fails for none of it.
func TestOtherServer(t *testing.T) {
	if *otherTCP == "" {
		t.Skip("no -server")
	}
	keys, err := i2p.GenerateDestination(sign.EdDSA_SHA512_Ed25519, i2p.CryptoElGamal, nil)
	if err != nil {
		t.Fatal(err)
	}
	with := samtest.Server{TCP: *otherTCP, UDP: *otherUDP, Patience: 20 * time.Second, Vars: map[string]string{
		"here": i2p.EncodeBase64(keys.Destination().Bytes()), "fill": strings.Repeat("x", 1980),
	}}
	for _, scene := range samtest.Scenes() {
		with.Tell = func(line string, d samtest.Difference) { t.Logf("%s: %.70s: %.100s", scene.Name, line, d.Got) }
		if err := with.Play(scene); err != nil {
			t.Logf("%s: %.200s", scene.Name, err.Error())
		}
	}
}
