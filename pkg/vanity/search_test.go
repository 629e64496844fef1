package vanity

import (
	"context"
	"crypto/sha256"
	"math"
	"strings"
	"testing"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/sign"
)

func destination(t testing.TB, st sign.Type) i2p.Destination {
	t.Helper()
	k, err := i2p.GenerateDestination(st, i2p.CryptoElGamal, nil)
	if err != nil {
		t.Fatal(err)
	}
	return k.Destination()
}

func TestSearch(t *testing.T) {
	for name, args := range map[string][3][]string{
		"prefix":        {{"cat"}, nil, nil},
		"several":       {{"ab", "xyz"}, {"qa", "aq"}, nil},
		"many":          {{"catz", "dogz", "cowz", "owlz", "batz", "ratz", "elkz"}, nil, nil},
		"many pairs":    {{"ab", "cd", "ef"}, {"aq", "ba"}, nil},
		"many suffixes": {nil, {"cata", "doga", "cowa", "owla", "bata", "rata"}, nil},
		"suffix":        {nil, {"cata"}, nil},
		"literal regex": {nil, nil, []string{"^ca.*ta$"}},
		"regex":         {nil, nil, []string{"[a-z]{30}$"}},
		"upper case":    {{"CAT"}, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := NewPatterns(args[0], args[1], args[2])
			if err != nil {
				t.Fatal(err)
			}
			for _, k := range Kernels() {
				for _, st := range []sign.Type{sign.EdDSA_SHA512_Ed25519, sign.RedDSA_SHA512_Ed25519} {
					one(t, destination(t, st), p, k)
				}
			}
		})
	}
}

// one searches and looks at what was found.
func one(t *testing.T, d i2p.Destination, p *Patterns, k *Kernel) {
	t.Helper()
	s, err := NewSearch(d, p, k)
	if err != nil {
		t.Fatal(err)
	}
	w := s.NewWorker()
	var found *Found
	for unit := uint64(0); found == nil && unit < 20; unit++ {
		var tried uint64
		found, tried = w.Unit(t.Context(), unit)
		if tried == 0 || tried > UnitSize || found == nil && tried != UnitSize {
			t.Fatalf("%d tried, found %v", tried, found)
		}
	}
	if found == nil {
		t.Fatalf("%s: nothing found", k.Name)
	}
	address := strings.TrimSuffix(found.Destination.B32(), ".b32.i2p")
	if text, ok := p.Match([]byte(address)); !ok || text != found.Pattern {
		t.Errorf("%s: %s was found for %q", k.Name, address, found.Pattern)
	}
	was, is := d.Bytes(), found.Destination.Bytes()
	for i := range was {
		varied := i >= saltAt && i < saltAt+8 || i >= nonceAt && i < nonceAt+4
		if was[i] != is[i] && !varied {
			t.Fatalf("byte %d changed", i)
		}
	}
}

func TestNoRoom(t *testing.T) {
	p, _ := NewPatterns([]string{"a"}, nil, nil)
	for _, st := range []sign.Type{sign.ECDSA_SHA256_P256, sign.ECDSA_SHA512_P521} {
		if _, err := NewSearch(destination(t, st), p, Kernels()[0]); err == nil {
			t.Errorf("a search among %v destinations is accepted", st)
		}
	}
}

func TestInterrupted(t *testing.T) {
	p, _ := NewPatterns([]string{strings.Repeat("a", 30)}, nil, nil)
	s, err := NewSearch(destination(t, sign.EdDSA_SHA512_Ed25519), p, Kernels()[0])
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if found, tried := s.NewWorker().Unit(ctx, 0); found != nil || tried != 0 {
		t.Errorf("%d were tried after the end", tried)
	}
}

func TestBadPatterns(t *testing.T) {
	for _, args := range [][3][]string{
		{},
		{{""}, nil, nil},
		{{"cat1"}, nil, nil},
		{{"käse"}, nil, nil},
		{{strings.Repeat("a", 53)}, nil, nil},
		{nil, {"cat"}, nil},
		{nil, nil, []string{"("}},
		{nil, nil, []string{"^CAT"}},
		{nil, nil, []string{"cat$"}},
	} {
		if _, err := NewPatterns(args[0], args[1], args[2]); err == nil {
			t.Errorf("%q is accepted", args)
		}
	}
}

func TestOdds(t *testing.T) {
	for _, tt := range []struct {
		prefixes, suffixes, regexes []string
		want                        float64
	}{
		{[]string{"cat"}, nil, nil, 1.0 / 32768},
		{[]string{"cat", "dog"}, nil, nil, 2.0/32768 - 1.0/32768/32768},
		{nil, []string{"a"}, nil, 0.5},
		{nil, []string{"cata"}, nil, 1.0 / 65536},
		{[]string{strings.Repeat("a", 52)}, nil, nil, math.Exp2(-256)},
		{nil, nil, []string{"^cat"}, 0},
	} {
		p, err := NewPatterns(tt.prefixes, tt.suffixes, tt.regexes)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Odds(); math.Abs(got-tt.want) > tt.want*1e-9 {
			t.Errorf("%v: %g, expected %g", tt, got, tt.want)
		}
	}
}

// A filter passes exactly what begins or ends with its text.
func TestFilters(t *testing.T) {
	for i := range 2000 {
		sum := sha256.Sum256([]byte{byte(i), byte(i >> 8)})
		var address [addressLen]byte
		encode(&address, &sum)
		if s := i2p.EncodeBase32(sum[:]); s != string(address[:]) {
			t.Fatalf("%x: %s, expected %s", sum, address, s)
		}
		first := uint32(sum[0])<<24 | uint32(sum[1])<<16 | uint32(sum[2])<<8 | uint32(sum[3])
		last := uint32(sum[28])<<24 | uint32(sum[29])<<16 | uint32(sum[30])<<8 | uint32(sum[31])
		for n := 1; n <= 12; n++ {
			if mask, v := prefixFilter(string(address[:n])); first&mask != v || mask == 0 {
				t.Fatalf("%s does not pass its own prefix filter of %d", address, n)
			}
			if mask, v := suffixFilter(string(address[addressLen-n:])); last&mask != v || mask == 0 {
				t.Fatalf("%s does not pass its own suffix filter of %d", address, n)
			}
		}
		if mask, v := prefixFilter("ca"); first&mask == v != strings.HasPrefix(string(address[:]), "ca") {
			t.Fatalf("%s and the filter for ca", address)
		}
		if mask, v := suffixFilter("ca"); last&mask == v != strings.HasSuffix(string(address[:]), "ca") {
			t.Fatalf("%s and the filter for ca at the end", address)
		}
	}
}
