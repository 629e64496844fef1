package transport

import (
	"math/rand/v2"
	"testing"
	"time"

	"i2ptoolkit/pkg/buf"
	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
)

func testKeys(t testing.TB, seed byte) *i2p.PrivateKeys {
	t.Helper()
	keys, err := i2p.GenerateRouter(rand.NewChaCha8([32]byte{seed}))
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// message makes a message in a pooled buffer.
func message(typ i2np.Type, id uint32, size int) i2np.Message {
	o := buf.Get(size)
	for i := range o.Bytes() {
		o.Bytes()[i] = byte(i) ^ byte(id)
	}
	return i2np.Message{Type: typ, ID: id, Expiration: i2p.DateOf(time.Now().Add(time.Minute)), Body: o.Bytes(), Owner: o}
}
