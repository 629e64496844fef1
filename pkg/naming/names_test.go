package naming

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/sign"
)

// keys are those of a destination, another one for each seed.
func keys(t testing.TB, seed byte) *i2p.PrivateKeys {
	t.Helper()
	k, err := i2p.GenerateDestination(sign.EdDSA_SHA512_Ed25519, i2p.CryptoElGamal, rand.NewChaCha8([32]byte{seed}))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// write makes a book's file.
func write(t testing.TB, dir, book string, lines ...string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, FileName(book)), []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
}

// is checks what a name means; nil: nothing.
func is(t testing.TB, n *Names, name string, want *i2p.PrivateKeys) {
	t.Helper()
	got, err := n.Lookup(name)
	switch {
	case want == nil:
		if !errors.Is(err, ErrUnknown) {
			t.Errorf("%s: %v, want %v", name, err, ErrUnknown)
		}
	case err != nil || !got.Equal(want.Destination().Identity):
		t.Errorf("%s is another destination, or %v", name, err)
	}
}

func TestLookup(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "addressbook")
	n := New(Config{Dir: dir})
	is(t, n, "a.i2p", nil) // no files at all
	a, b, c := keys(t, 1), keys(t, 2), keys(t, 3)
	line := func(name string, k *i2p.PrivateKeys) string { return name + "=" + k.Destination().Base64() }
	write(t, dir, Subscribed, line("a.i2p", a), line("b.i2p", a), line("b.i2p", c)+"#!date=1\r", "# b.i2p is there twice", "", line(" UPPER.i2p ", c))
	write(t, dir, Local, "\ufeff"+line("b.i2p", b), "nonsense", "c.i2p=AAAA", "proxy.i2p="+a.Destination().Base64())
	is(t, n, "a.i2p", a)
	is(t, n, "A.I2P", a)
	is(t, n, "b.i2p", b) // the owner's book comes first
	is(t, n, "upper.i2p", c)
	is(t, n, "d.i2p", nil)
	if _, err := n.Lookup("c.i2p"); err == nil || errors.Is(err, ErrUnknown) {
		t.Errorf("a damaged line: %v", err)
	}
	if _, err := n.Lookup("proxy.i2p"); err == nil || errors.Is(err, ErrUnknown) {
		t.Errorf("a reserved name: %v", err)
	}
	if e, err := n.Find("b.i2p"); err != nil || e.Book != Local || e.Name != "b.i2p" {
		t.Errorf("%+v, %v", e, err)
	}
	write(t, dir, Private, line("a.i2p", c)) // holds at once
	is(t, n, "a.i2p", c)
	os.Remove(filepath.Join(dir, FileName(Private)))
	is(t, n, "a.i2p", a)
	if s := n.Stats(); s.Found != 7 || s.Unknown != 2 || s.Failed != 2 {
		t.Errorf("%+v", s)
	}
}

// long lines, of commands with the longest keys, and a text without an end.
func TestLines(t *testing.T) {
	dir := t.TempDir()
	a := keys(t, 1)
	dest := a.Destination().Base64()
	write(t, dir, Local, "long.i2p="+dest+"#!x="+strings.Repeat("y", 7000), "too.i2p="+dest+"#!x="+strings.Repeat("y", 1<<20), "last.i2p="+dest)
	n := New(Config{Dir: dir})
	is(t, n, "long.i2p", a)
	is(t, n, "too.i2p", nil)
	is(t, n, "last.i2p", a)
}

type asked struct {
	hash    i2p.Hash
	blinded i2p.BlindedAddress
}

func (a *asked) ResolveBlinded(_ context.Context, b i2p.BlindedAddress) (i2p.Destination, error) {
	a.blinded = b
	return i2p.Destination{}, nil
}

func (a *asked) Resolve(_ context.Context, hash i2p.Hash) (i2p.Destination, error) {
	a.hash = hash
	return i2p.Destination{}, nil
}

func TestResolve(t *testing.T) {
	dir := t.TempDir()
	a := keys(t, 1)
	dest := a.Destination()
	write(t, dir, Local, "a.i2p="+dest.Base64())
	n := New(Config{Dir: dir})
	for _, text := range []string{"a.i2p", dest.Base64()} {
		name, err := i2p.ParseName(text)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := n.Resolve(context.Background(), nil, name); err != nil || !got.Equal(dest.Identity) {
			t.Errorf("%.20s: %v", text, err)
		}
	}
	for _, text := range []string{dest.B32(), dest.Hash().String()} {
		name, err := i2p.ParseName(text)
		if err != nil {
			t.Fatal(err)
		}
		var by asked
		if _, err := n.Resolve(context.Background(), &by, name); err != nil || by.hash != dest.Hash() {
			t.Errorf("%s: %v asked for, %v", text, by.hash, err)
		}
	}
	b33, err := dest.Blinded().B33()
	if err != nil {
		t.Fatal(err)
	}
	name, err := i2p.ParseName(b33)
	if err != nil {
		t.Fatal(err)
	}
	var by asked
	if _, err := n.Resolve(context.Background(), &by, name); err != nil || by.blinded != dest.Blinded() {
		t.Errorf("b33: %+v asked for, %v", by.blinded, err)
	}
}

// BenchmarkMillion loads a million names, and looks them up.
func BenchmarkMillion(b *testing.B) {
	const count = 1_000_000
	dir := b.TempDir()
	f, err := os.Create(filepath.Join(dir, FileName(Subscribed)))
	if err != nil {
		b.Fatal(err)
	}
	dest := keys(b, 1).Destination().Base64()
	var text strings.Builder
	for i := range count {
		fmt.Fprintf(&text, "host-%d.i2p=%s\n", i, dest)
		if text.Len() > 1<<20 || i == count-1 {
			f.WriteString(text.String())
			text.Reset()
		}
	}
	f.Close()
	b.Run("load", func(b *testing.B) {
		for b.Loop() {
			if err := New(Config{Dir: dir}).Load(); err != nil {
				b.Fatal(err)
			}
		}
	})
	n := New(Config{Dir: dir})
	before := heap()
	if err := n.Load(); err != nil {
		b.Fatal(err)
	}
	perName := float64(heap()-before) / count
	b.Run("lookup", func(b *testing.B) {
		i := 0
		for b.Loop() {
			i = (i + 7919) % count
			if _, err := n.Lookup(fmt.Sprintf("host-%d.i2p", i)); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(perName, "held-B/name")
	})
	b.Run("reverse", func(b *testing.B) {
		for b.Loop() {
			n := New(Config{Dir: dir})
			if _, err := n.Reverse(i2p.Hash{}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("import", func(b *testing.B) {
		for b.Loop() {
			f, err := os.Open(filepath.Join(dir, FileName(Subscribed)))
			if err != nil {
				b.Fatal(err)
			}
			r, err := New(Config{Dir: b.TempDir()}).Import(context.Background(), Subscribed, f, false)
			if f.Close(); err != nil || r.Added != count {
				b.Fatal(r, err)
			}
		}
	})
}
