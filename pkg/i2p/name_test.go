package i2p

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"i2ptoolkit/pkg/sign"
)

// spellings of one name, as people write them.
func spellings(t testing.TB) map[string]Name {
	keys := testKeys(t)
	d := keys.Destination()
	b33, err := d.Blinded().B33()
	if err != nil {
		t.Fatal(err)
	}
	dest, b32, hash := EncodeBase64(d.Bytes()), d.B32(), d.Hash().String()
	destination := Name{Kind: NameDestination, Destination: d, Hash: d.Hash()}
	address := Name{Kind: NameAddress, Hash: d.Hash()}
	blinded := Name{Kind: NameBlinded, Blinded: d.Blinded()}
	host := Name{Kind: NameHost, Host: "example.i2p"}
	at := func(n Name, port uint16) Name { n.Port = port; return n }
	return map[string]Name{
		dest:                                  destination,
		strings.TrimRight(dest, "="):          destination,
		dest + ".i2p":                         destination,
		dest + ".I2P":                         destination,
		"http://" + dest + ".i2p/a?b=c":       destination,
		dest + ":25":                          at(destination, 25),
		b32:                                   address,
		strings.ToUpper(b32):                  address,
		strings.TrimSuffix(b32, ".b32.i2p"):   address,
		strings.ToUpper(b32[:52]):             address,
		b32 + ".":                             address,
		b32 + ":6667":                         at(address, 6667),
		b32[:52] + ":6667":                    at(address, 6667),
		"http://" + b32 + "/":                 address,
		"HTTPS://" + b32 + ":8443/x":          at(address, 8443),
		"i2p://" + b32[:52]:                   address,
		hash:                                  {Kind: NameHash, Hash: d.Hash()},
		strings.TrimRight(hash, "="):          {Kind: NameHash, Hash: d.Hash()},
		b33:                                   blinded,
		strings.ToUpper(b33):                  blinded,
		strings.TrimSuffix(b33, ".b32.i2p"):   blinded,
		"http://" + b33 + "./#top":            blinded,
		"example.i2p":                         host,
		"Example.I2P":                         host,
		"example.i2p.":                        host,
		"http://example.i2p":                  host,
		"http://EXAMPLE.i2p/path?i2p=b32.i2p": host,
		"http://example.i2p?q":                host,
		"example.i2p:80":                      at(host, 80),
		"www.xn--bcher-kva.i2p":               {Kind: NameHost, Host: "www.xn--bcher-kva.i2p"},
		"xn----ctbjmhsd7c.i2p":                {Kind: NameHost, Host: "xn----ctbjmhsd7c.i2p"},
		"myproxy.i2p":                         {Kind: NameHost, Host: "myproxy.i2p"},
		strings.Repeat("a", 52) + ".i2p":      {Kind: NameHost, Host: strings.Repeat("a", 52) + ".i2p"},
	}
}

func TestParseName(t *testing.T) {
	all := spellings(t)
	for text, want := range all {
		got, err := ParseName(text)
		if err != nil || got != want {
			t.Errorf("%s: %+v, %v, want %+v", text, got, err, want)
			continue
		}
		again, err := ParseName(got.String())
		again.Port = got.Port
		if err != nil || again != got {
			t.Errorf("%s is written %s, which is %+v, %v", text, got, again, err)
		}
	}
}

// What is damaged, or of no kind, is not taken for something else.
func TestParseNameRefuses(t *testing.T) {
	keys := testKeys(t)
	d := keys.Destination()
	dest, b32, hash := EncodeBase64(d.Bytes()), d.B32(), d.Hash().String()
	b33, _ := d.Blinded().B33()
	for _, text := range []string{
		"", ".", "i2p", ".i2p", "http://", "http:///x", "example", "example.com", "b32.i2p", ".b32.i2p", "a.b32.i2p",
		"two words.i2p", " example.i2p", "example.i2p\n", "exam\x1bple.i2p", "bücher.i2p", "\u212aelvin.i2p",
		"-a.i2p", "a-.i2p", "a..i2p", "example.i2p..", "under_score.i2p", strings.Repeat("a", 64) + ".i2p",
		"proxy.i2p", "www.proxy.i2p", "Router.i2p", "a.console.i2p", "exam--ple.i2p", "axn--b.i2p",
		"user@example.i2p", "ftp://example.i2p", "example.i2p/path", "http://http://example.i2p",
		"example.i2p:", "example.i2p:0", "example.i2p:65536", "example.i2p:x", "example.i2p:1:2", "http://example.i2p:/",
		b32[1:], "a" + b32, strings.Replace(b32, b32[:1], "1", 1), b32[:51] + "b.b32.i2p",
		strings.ToLower(dest), dest[1:], dest[:len(dest)-4], "a" + dest, dest + "AAAA", dest + ".b32.i2p",
		hash[1:], "A" + hash, b33[1:], "a" + b33[1:],
	} {
		if n, err := ParseName(text); err == nil {
			t.Errorf("%q was taken for %+v", text, n)
		} else if n != (Name{}) {
			t.Errorf("%q: %+v beside the error %v", text, n, err)
		} else if why := errors.Unwrap(err); why == nil || err.Error() != abridged(text)+": "+why.Error() {
			t.Errorf("%q: %v does not come apart into the text and why", text, err)
		}
	}
	if _, err := ParseName("example"); !errors.Is(err, ErrName) {
		t.Errorf("error %v, want %v", err, ErrName)
	}
}

func FuzzParseName(f *testing.F) {
	all := spellings(f)
	for text := range all {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		n, err := ParseName(text)
		if err != nil {
			if n != (Name{}) {
				t.Fatalf("%+v beside %v", n, err)
			}
			return
		}
		again, err := ParseName(n.String())
		again.Port = n.Port
		if err != nil || again != n {
			t.Fatalf("%q is written %s, which is %+v, %v, want %+v", text, n, again, err, n)
		}
	})
}

func testKeys(t testing.TB) *PrivateKeys {
	k, err := GenerateDestination(sign.EdDSA_SHA512_Ed25519, CryptoElGamal, rand.NewChaCha8([32]byte{1}))
	if err != nil {
		t.Fatal(err)
	}
	return k
}
