package tunnel

import (
	"crypto/sha256"
	"encoding/hex"
	"testing"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/noise"
)

// TestVectors pins what was seen to work with i2pd 2.56 and 2.59 on a private
// network: our builds of 1 to 4 hops in both forms and directions, with
// messages of up to 60,000 bytes through them, and i2pd's short builds with
// us in every role. The keys, record and tunnel message were also computed by
// an independent program.
func TestVectors(t *testing.T) {
	ck := sha256.Sum256([]byte("chaining key"))
	s := noise.State{CK: ck}
	hop, end := deriveShort(&s, false), deriveShort(&s, true)
	sums := map[string][]byte{
		"reply key":       hop.reply[:],
		"layer key":       hop.layer.Layer[:],
		"IV key":          hop.layer.IV[:],
		"endpoint IV key": end.layer.IV[:],
		"garlic key":      end.garlic.Key[:],
		"garlic tag":      end.garlic.Tag[:],
	}
	if end.reply != hop.reply || end.layer.Layer != hop.layer.Layer {
		t.Error("an endpoint's reply and layer keys differ from a participant's")
	}
	other := make([]byte, 218)
	hop.encryptOther(other, 3)
	sums["record 3 of zeros"] = other[:16]
	body := make([]byte, 1028)
	l := layer{keys: hop.layer}
	l.encrypt(body)
	sums["tunnel message of zeros"] = body[4:36]
	w := newNetwork(t, 2)
	for _, long := range []bool{false, true} {
		b, err := NewBuild(epoch, Config{Long: long, Inbound: true, Us: i2p.HashOf([]byte("us")), Hops: w.hops, Rand: seeded(42)})
		if err != nil {
			t.Fatal(err)
		}
		m := b.Message()
		sum := sha256.Sum256(m.Body)
		m.Release()
		sums[map[bool]string{false: "short build", true: "long build"}[long]] = sum[:]
	}
	for name, want := range vectors {
		if got := hex.EncodeToString(sums[name]); got != want {
			t.Errorf("%q: %q,", name, got)
		}
	}
}

var vectors = map[string]string{
	"IV key":                  "a4718021c7b600507efb47b8d47c7a0078e9ca3be5e63adad587d82f6e439da1",
	"endpoint IV key":         "e1de2886b453fd344c53c6f6d6ab541e5429ae1e2de9c71b4b0ab6cafdb0670c",
	"garlic key":              "3ec7547e9818fb6038bc2161eec30586ba1fe0ef56cdc27089bf6f926868580f",
	"garlic tag":              "3942f0cbc58e31ed",
	"layer key":               "ad2c4bb320679d3cc5a9914e5166e202eaa4f3369655713411f71f1148cf3c5a",
	"long build":              "117690ed65309f6e171a0edacac290887da314524543a95c9a5458634f4c4ff8",
	"record 3 of zeros":       "f7bfb13eb8e52117a6b83d7a31e555a9",
	"reply key":               "8d180717b47dee857c3fe272b811a7015dad3878114d614da705af162f0223ae",
	"short build":             "d26c7ba7bdbab22f7489496397fb9e6a4814b5cba054ac4cf5398ec41d67cb51",
	"tunnel message of zeros": "2abd925b6d2cb2e25dc5f69ed3cec733e412a025836034f57b4313b26f3cbcae",
}
