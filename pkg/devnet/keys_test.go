package devnet

import (
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/forward/plan"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/sign"
)

// TestBroughtKey: a key file that was brought along is the address of all forwards that name it: a
// client, and a server for each of two ports. A second file of its name is refused.
func TestBroughtKey(t *testing.T) {
	dir, echo := t.TempDir(), echoServer(t)
	greeter, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer greeter.Close()
	go func() {
		for {
			c, err := greeter.Accept()
			if err != nil {
				return
			}
			io.WriteString(c, "hello")
			c.Close()
		}
	}()
	_, stop := runLogged(t, dir, 3, slog.New(slog.DiscardHandler))
	defer stop()
	server, user := forwardsOf(t, dir, 0), forwardsOf(t, dir, 1)
	keys, err := i2p.GenerateDestination(sign.EdDSA_SHA512_Ed25519, i2p.CryptoElGamal, nil)
	if err != nil {
		t.Fatal(err)
	}
	address := keys.Destination().B32()
	asked := control.ApplyForwards{
		Plans: []plan.Plan{
			{Name: "a-client", Type: plan.HTTP, Listen: "127.0.0.1:0", Key: "one.dat"},
			{Name: "any", Type: plan.Server, Targets: []string{echo}, Key: "one.dat"},
			{Name: "seven", Type: plan.Server, Targets: []string{greeter.Addr().String()}, Port: 7, Key: "one.dat"},
		},
		Keys: map[string][]byte{"one.dat": keys.AppendTo(nil)},
	}
	server.apply(asked)
	for _, p := range asked.Plans {
		if f := server.await(p.Name, control.ForwardReady); f.Address != address {
			t.Errorf("%s is at %s, and its key's address is %s", f.Name, f.Address, address)
		}
	}
	other, err := i2p.GenerateDestination(sign.EdDSA_SHA512_Ed25519, i2p.CryptoElGamal, nil)
	if err != nil {
		t.Fatal(err)
	}
	again := control.ApplyForwards{Add: true, Plans: []plan.Plan{{Name: "more", Type: plan.Server, Targets: []string{echo}, Key: "one.dat"}}, Keys: map[string][]byte{"one.dat": other.AppendTo(nil)}}
	if done, err := server.ApplyForwards(t.Context(), again); err != nil || !strings.Contains(done.Failed["more"], "another of that name") {
		t.Errorf("%v %+v", err, done)
	}

	socket := func(name string) string { return filepath.Join(dir, name) }
	user.apply(control.ApplyForwards{Plans: []plan.Plan{
		{Name: "to-any", Type: plan.Client, Listen: "unix:" + socket("x"), Destinations: []string{address}},
		{Name: "to-seven", Type: plan.Client, Listen: "unix:" + socket("y"), Destinations: []string{address + ":7"}},
	}})
	user.await("to-any", control.ForwardReady)
	user.await("to-seven", control.ForwardReady)
	c, err := net.Dial("unix", socket("x"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := talk(c, "words"); err != nil {
		t.Error(err)
	}
	c, err = net.Dial("unix", socket("y"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if b, err := io.ReadAll(c); err != nil || string(b) != "hello" {
		t.Errorf("port 7 said %q, %v", b, err)
	}
}
