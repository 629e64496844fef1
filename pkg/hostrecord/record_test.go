package hostrecord

import (
	"bufio"
	"errors"
	"os"
	"strings"
	"testing"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/sign"
)

func keys(t testing.TB, st sign.Type) *i2p.PrivateKeys {
	t.Helper()
	k, err := i2p.GenerateDestination(st, i2p.CryptoElGamal, nil)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func text(k *i2p.PrivateKeys) string { return k.Destination().Base64() }

func signed(t testing.TB, r Record, k, old *i2p.PrivateKeys) Record {
	t.Helper()
	var err error
	if old != nil {
		if r, err = r.SignOld(old.Signing); err != nil {
			t.Fatal(err)
		}
	}
	if r, err = r.Sign(k.Signing); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestCommands(t *testing.T) {
	k, old := keys(t, sign.EdDSA_SHA512_Ed25519), keys(t, sign.ECDSA_SHA256_P256)
	add := Record{Host: "example.i2p", Destination: text(k)}
	sub := Record{Host: "www.example.i2p", Destination: text(k)}
	for name, tt := range map[string]struct {
		record Record
		old    *i2p.PrivateKeys
	}{
		"add":          {add, nil},
		"add property": {add.With("date", "1700000000").With("email", "a@b"), nil},
		"addname":      {add.With("action", ActionAddName).With("oldname", "old.i2p"), nil},
		"changename":   {add.With("action", ActionChangeName).With("oldname", "old.i2p"), nil},
		"changedest":   {add.With("action", ActionChangeDest).With("olddest", text(old)), old},
		"adddest":      {add.With("action", ActionAddDest).With("olddest", text(old)), old},
		"addsubdomain": {sub.With("action", ActionAddSubdomain).With("olddest", text(old)).With("oldname", "example.i2p"), old},
		"update":       {add.With("action", ActionUpdate).With("zebra", "1"), nil},
		"remove":       {Record{}.With("action", ActionRemove).With("name", "example.i2p").With("dest", text(k)), nil},
		"removeall":    {Record{}.With("action", ActionRemoveAll).With("name", "example.i2p").With("dest", text(k)), nil},
	} {
		if err := tt.record.Verify(); !errors.Is(err, ErrUnsigned) {
			t.Errorf("%s: unsigned: %v", name, err)
		}
		r := signed(t, tt.record, k, tt.old)
		if err := r.Verify(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		back, err := Parse(r.String())
		if err != nil || back.String() != r.String() || back.Verify() != nil {
			t.Errorf("%s: read back: %v", name, err)
		}
		if err := r.With("evil", "1").Verify(); !errors.Is(err, ErrSignature) {
			t.Errorf("%s: a changed record: %v", name, err)
		}
		// The order of the options does not matter.
		for i, j := 0, len(back.Options)-1; i < j; i, j = i+1, j-1 {
			back.Options[i], back.Options[j] = back.Options[j], back.Options[i]
		}
		if err := back.Verify(); err != nil {
			t.Errorf("%s: in reverse order: %v", name, err)
		}
	}
}

func TestIncomplete(t *testing.T) {
	k := keys(t, sign.EdDSA_SHA512_Ed25519)
	add := Record{Host: "example.i2p", Destination: text(k)}
	for name, r := range map[string]Record{
		"unknown action":    add.With("action", "explode"),
		"no old name":       add.With("action", ActionAddName),
		"no old dest":       add.With("action", ActionChangeDest),
		"not below":         add.With("action", ActionAddSubdomain).With("olddest", text(k)).With("oldname", "ample.i2p"),
		"bad old name":      add.With("action", ActionAddName).With("oldname", "OLD"),
		"bad old dest":      add.With("action", ActionAddDest).With("olddest", "AAAA"),
		"removal with head": add.With("action", ActionRemove).With("name", "example.i2p").With("dest", text(k)),
		"add without head":  Record{}.With("date", "1"),
	} {
		if err := signed(t, r, k, k).Verify(); !errors.Is(err, ErrCommand) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestBadLines(t *testing.T) {
	d := text(keys(t, sign.EdDSA_SHA512_Ed25519))
	for _, line := range []string{
		"", "#!", "x", "example.i2p", "example.i2p=", "example.i2p=AAAA", "Example.i2p=" + d, "example.com=" + d,
		"-a.i2p=" + d, "a..i2p=" + d, ".i2p=" + d, "x.b32.i2p=" + d, "b32.i2p=" + d, strings.Repeat("a", 64) + ".i2p=" + d,
		"a.i2p=" + d + "#!", "a.i2p=" + d + "#!a", "a.i2p=" + d + "#!=b", "a.i2p=" + d + "#!a=b#a=c", "a.i2p=" + d + "\n",
		"a.i2p=" + d + "#!a=" + strings.Repeat("b", MaxLine),
	} {
		if r, err := Parse(line); err == nil {
			t.Errorf("%.60q is accepted as %+v", line, r)
		}
	}
}

// The lines of a real hosts.txt.
func TestRealHosts(t *testing.T) {
	f, err := os.Open("../../../shared/testdata/hosts.txt")
	if err != nil {
		t.Skip("SKIPPED: no ../shared/testdata beside the repository: real host records are not tested")
	}
	defer f.Close()
	lines, verified := bufio.NewScanner(f), 0
	for lines.Scan() {
		line := lines.Text()
		if line == "" || line[0] == '#' {
			continue
		}
		r, err := Parse(line)
		if err != nil || r.String() != line {
			t.Errorf("%.60s: %v", line, err)
			continue
		}
		if !r.Command {
			continue
		}
		if err := r.Verify(); err != nil {
			t.Errorf("%s %s: %v", r.Host, r.Action(), err)
		}
		verified++
	}
	t.Logf("%d signed records", verified)
}

func FuzzRecord(f *testing.F) {
	k := keys(f, sign.EdDSA_SHA512_Ed25519)
	add := Record{Host: "example.i2p", Destination: text(k)}
	f.Add(add.String())
	f.Add(signed(f, add.With("action", ActionAddName).With("oldname", "old.i2p"), k, nil).String())
	f.Add(Record{}.With("action", ActionRemove).With("name", "example.i2p").With("dest", text(k)).String())
	f.Fuzz(func(t *testing.T, line string) {
		r, err := Parse(line)
		if err != nil {
			if r.String() != "" {
				t.Fatal("an error with a record")
			}
			return
		}
		if r.String() != line {
			t.Fatalf("%q becomes %q", line, r.String())
		}
		r.Verify()
	})
}
