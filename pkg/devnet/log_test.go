package devnet

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"i2ptoolkit/pkg/control/server"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/sign"
)

// forms are how bytes may be written.
func forms(b []byte) map[string][]byte {
	return map[string][]byte{
		"raw": b, "hex": []byte(hex.EncodeToString(b)), "base64": []byte(base64.RawStdEncoding.EncodeToString(b)),
		"I2P base64": []byte(strings.TrimRight(i2p.EncodeBase64(b), "=")),
	}
}

// logged is what several routers log.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

// TestLogNamesNoDestination: a log that an owner keeps tells nobody later whom he spoke to, or as
// whom: nothing that was dialled, opened or looked up is in it, at Info and above.
func TestLogNamesNoDestination(t *testing.T) {
	log := new(logged)
	d, stop := runLogged(t, t.TempDir(), 3, slog.New(slog.NewTextHandler(log, nil)))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	keys, err := i2p.GenerateDestination(sign.EdDSA_SHA512_Ed25519, i2p.CryptoElGamal, nil)
	if err != nil {
		t.Fatal(err)
	}
	none := i2p.HashOf([]byte("nobody"))
	open := func(node int, keys *i2p.PrivateKeys) server.Destination {
		l, err := d.nodes[node].OpenDestination(ctx, server.DestinationConfig{Keys: keys})
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	to, from := open(1, keys), open(0, nil)
	l, err := to.Listen(80)
	if err == nil {
		err = to.Ready(ctx)
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := from.Resolve(ctx, to.Destination().Hash()); err != nil {
		t.Fatal(err)
	}
	short, stopAsking := context.WithTimeout(ctx, time.Second)
	defer stopAsking()
	if _, err := from.Resolve(short, none); err == nil {
		t.Fatal("nobody is there")
	}
	s, err := from.Dial(ctx, to.Destination(), 80)
	if err == nil {
		_, err = io.WriteString(s, "words")
	}
	if err == nil {
		_, err = l.Accept(ctx)
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.nodes[1].OpenDestination(ctx, server.DestinationConfig{Keys: keys}); err == nil {
		t.Fatal("one destination is open twice")
	}
	stop()
	text := log.text.String()
	if !strings.Contains(text, "level=INFO") {
		t.Error("the log says nothing")
	}
	secrets := map[string][]byte{}
	add := func(name string, h i2p.Hash) {
		secrets[name+" as b32"] = []byte(h.B32())
		for form, b := range forms(h[:]) {
			secrets[name+" as "+form] = b
		}
	}
	add("nobody", none)
	for name, dest := range map[string]i2p.Destination{"to": to.Destination(), "from": from.Destination()} {
		add(name, dest.Hash())
		secrets[name+" in full"] = []byte(dest.Base64())
	}
	for name, b := range secrets {
		if strings.Contains(text, string(b[:20])) {
			t.Errorf("%s is in the log:\n%s", name, text)
		}
	}
}
