package devnet

import (
	"testing"

	"i2ptoolkit/pkg/control/server"
	"i2ptoolkit/pkg/i2p"
)

// TestTransientDestination: the certificate of a destination that a client opens
// without keys says a type that Java sends to.
func TestTransientDestination(t *testing.T) {
	d, stop := run(t, t.TempDir(), 2)
	defer stop()
	c, err := d.nodes[0].OpenDestination(t.Context(), server.DestinationConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if got := c.Destination().CryptoType(); got != i2p.CryptoElGamal {
		t.Errorf("its encryption type is %d, want %d", got, i2p.CryptoElGamal)
	}
}
