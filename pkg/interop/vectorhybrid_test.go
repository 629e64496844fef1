//go:build linux

package interop

import (
	"os"
	"testing"
	"time"

	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/vectors"
)

// TestHybridVectors makes the vectors of NTCP2's hybrids with a running i2pd 2.59 of each size as
// Bob: it has to accept the handshake, and answers what is stored at it. UPDATE_VECTORS=1 keeps them
// in docs/vectors.
func TestHybridVectors(t *testing.T) {
	ctx := gate(t, 3*time.Minute)
	names := []string{"ML-KEM-512", "ML-KEM-768", "ML-KEM-1024"} // of i2pd's versions 3, 4 and 5
	n := network(t, ctx, NetworkConfig{Releases: sids(len(names)), Each: func(i int, c *I2PDConfig) { c.NTCP2 = 3 + i }})
	r := newVectorRouter(t, n, "i2pd 2.59 with hybrids")
	r.hybrids = true
	var file vectors.File
	for i, name := range names {
		text, err := n.I2PD[i].Hash()
		if err != nil {
			t.Fatal(err)
		}
		hash, err := i2p.ParseHash(text)
		if err != nil {
			t.Fatal(err)
		}
		l, err := r.link(ctx, hash)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		token := uint32(3001 + i)
		if err := l.send(storeOf(r.Info, token, r.Info.Hash())); err != nil {
			t.Fatal(err)
		}
		if err := r.await(ctx, name+": the status", func(a arrival) (bool, error) {
			if a.from != hash || a.m.Type != i2np.DeliveryStatusType {
				return false, nil
			}
			status, err := i2np.ParseDeliveryStatus(a.m.Body)
			return err == nil && status.MessageID == token, err
		}); err != nil {
			t.Fatal(err)
		}
		v, err := l.finish()
		if err != nil {
			t.Fatal(err)
		}
		if v.Hybrid != name {
			t.Errorf("hybrid %q, want %q", v.Hybrid, name)
		}
		v.Name += ", " + name
		file.NTCP2 = append(file.NTCP2, v)
	}
	if t.Failed() || os.Getenv("UPDATE_VECTORS") != "1" {
		return
	}
	file.About = "Hybrids of NTCP2, recorded with a running i2pd 2.59 as Bob, which accepted every message. See README.md."
	b, err := file.Marshal()
	if err == nil {
		err = os.WriteFile("../../docs/vectors/i2pd-2.59-hybrid.json", b, 0o644)
	}
	if err != nil {
		t.Error(err)
	}
}
