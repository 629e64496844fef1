package sam

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"flag"
	"math/big"
	"regexp"
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
	srv := w.server(t, Settings{UDP: "127.0.0.1:0"})
	with := samtest.Server{TCP: srv.addr(), UDP: srv.udpAddr(), Vars: variables(t, w), TLS: program(t)}
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

// variables are what the scenes speak of: a destination that the world knows by name, and keys with offline parts.
func variables(t *testing.T, w *world) map[string]string {
	t.Helper()
	keys := func() *i2p.PrivateKeys {
		k, err := i2p.GenerateDestination(sign.EdDSA_SHA512_Ed25519, i2p.CryptoElGamal, nil)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	here, offline := keys(), keys()
	w.names["here.i2p"] = here.Destination()
	until := func(k *i2p.PrivateKeys, end time.Time) []byte {
		o, err := k.NewOfflineKeys(sign.EdDSA_SHA512_Ed25519, uint32(end.Unix()), nil)
		if err != nil {
			t.Fatal(err)
		}
		return o.AppendTo(nil)
	}
	now := time.Now()
	good := until(offline, now.Add(24*time.Hour))
	forged := until(keys(), now.Add(24*time.Hour))
	copy(forged, offline.Destination().Bytes())
	return map[string]string{
		"here": i2p.EncodeBase64(here.Destination().Bytes()), "fill": strings.Repeat("x", 1980),
		"another": i2p.EncodeBase64(until(keys(), now.Add(24*time.Hour))),
		"offline": i2p.EncodeBase64(good), "offlinepub": i2p.EncodeBase64(offline.Destination().Bytes()),
		"expired": i2p.EncodeBase64(until(keys(), now.Add(-time.Hour))), "forged": i2p.EncodeBase64(forged),
	}
}

// program is what an application speaks TLS with: a certificate of its own making.
func program(t *testing.T) *tls.Config {
	t.Helper()
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
}

var (
	otherTCP = flag.String("server", "", "have the conversation with the SAM server at this ADDRESS:PORT, and list what it answers otherwise")
	otherUDP = flag.String("server-udp", "127.0.0.1:7655", "where that server takes datagrams")
	scenes   = flag.String("scenes", "", "have those scenes with it alone whose names match `EXPRESSION`")
	bounds   = flag.String("hello", "", "say `BOUNDS` in a HELLO without any, such as MIN=3.1 MAX=3.1, and take what version it says")
)

// TestOtherServer lists what another implementation says otherwise. It fails for none of it.
func TestOtherServer(t *testing.T) {
	if *otherTCP == "" {
		t.Skip("no -server")
	}
	with := samtest.Server{TCP: *otherTCP, UDP: *otherUDP, Patience: 40 * time.Second, Vars: variables(t, newWorld()), TLS: program(t)}
	chosen := regexp.MustCompile(*scenes)
	for _, scene := range samtest.Scenes() {
		if !chosen.MatchString(scene.Name) {
			continue
		}
		if *bounds != "" && !strings.HasPrefix(scene.Name, "HELLO") {
			for i, line := range scene.Lines {
				line = strings.Replace(line, "HELLO VERSION", "HELLO VERSION "+*bounds, 1)
				if before, _, is := strings.Cut(line, "HELLO REPLY RESULT=OK VERSION="); is {
					line = before + "HELLO REPLY RESULT=OK VERSION=*"
				}
				scene.Lines[i] = line
			}
		}
		with.Tell = func(line string, d samtest.Difference) { t.Logf("%s: %.70s: %.100s", scene.Name, line, d.Got) }
		if err := with.Play(scene); err != nil {
			t.Logf("%s: %.200s", scene.Name, err.Error())
		}
	}
}
