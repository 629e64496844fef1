package access

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"i2ptoolkit/pkg/i2p"
)

func peer(n byte) i2p.Hash { return i2p.HashOf([]byte{n}) }

// filterOf makes a filter; DIR in its text is a directory.
func filterOf(t *testing.T, dir, text string) *Filter {
	t.Helper()
	d, err := Parse([]byte(strings.ReplaceAll(text, "DIR", dir)))
	if err != nil {
		t.Fatal(err)
	}
	f, err := New(d, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestThresholds are the examples of the specification: of 15/5 the 15th attempt within 5 seconds is one
// too many, and the first of 1/1.
func TestThresholds(t *testing.T) {
	now := time.Unix(1e9, 0)
	f := filterOf(t, "", "15/5 default\nallow explicit "+peer(1).B32()+"\ndeny explicit "+peer(2).B32()+"\n1/1 explicit "+peer(3).B32()+"\ndeny explicit "+peer(1).B32()+"\n")
	tries := func(p i2p.Hash, n int, every time.Duration) (allowed int) {
		for range n {
			if f.Allows(now, p) {
				allowed++
			}
			now = now.Add(every)
		}
		return allowed
	}
	for what, tt := range map[string]struct {
		peer  i2p.Hash
		every time.Duration
		want  int
	}{
		"allow": {peer(1), 0, 100}, "deny": {peer(2), 0, 0}, "1/1": {peer(3), 10 * time.Second, 0},
		"15/5": {peer(4), 0, 14}, "slowly": {peer(5), 360 * time.Millisecond, 100}, "a bit too fast": {peer(6), 350 * time.Millisecond, 14},
	} {
		if got := tries(tt.peer, 100, tt.every); got != tt.want {
			t.Errorf("%s: %d are allowed, not %d", what, got, tt.want)
		}
	}
	if now = now.Add(5 * time.Second); !f.Allows(now, peer(4)) {
		t.Error("not forgiven later")
	}
}

// TestLists: who goes beyond a threshold is written into a list, and has by it another from then on. The
// owner's hand is obeyed within ten seconds.
func TestLists(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		path := filepath.Join(dir, "throttled.txt")
		if err := os.WriteFile(path, []byte("# by hand\nnonsense\n"+peer(9).B32()), 0o600); err != nil {
			t.Fatal(err)
		}
		f := filterOf(t, dir, "allow default\n3/5 record DIR/throttled.txt\n2/5 file DIR/throttled.txt\ndeny file DIR/enemies.txt\n")
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { f.Run(ctx); close(ended) }()
		for i, want := range []bool{true, true, true, false} {
			if f.Allows(time.Now(), peer(1)) != want {
				t.Errorf("attempt %d", i)
			}
		}
		if !f.Allows(time.Now(), peer(9)) || f.Allows(time.Now(), peer(9)) {
			t.Error("one that is listed")
		}
		time.Sleep(rereading + time.Second)
		if text, err := os.ReadFile(path); err != nil || string(text) != "# by hand\nnonsense\n"+peer(9).B32()+"\n"+peer(1).B32()+"\n" {
			t.Errorf("%v: %q", err, text)
		}
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "enemies.txt"), []byte(peer(2).B32()+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		time.Sleep(rereading + time.Second)
		for range 2 {
			if !f.Allows(time.Now(), peer(1)) {
				t.Error("not taken off the list")
			}
		}
		if f.Allows(time.Now(), peer(2)) {
			t.Error("an enemy")
		}
		f.Allows(time.Now(), peer(1))
		cancel()
		<-ended
		if text, err := os.ReadFile(path); err != nil || string(text) != peer(1).B32()+"\n" {
			t.Errorf("what was noted before the end: %v, %q", err, text)
		}
	})
}

// TestStrangers: however many come, they take little memory, and those whom the rules name are let in.
func TestStrangers(t *testing.T) {
	f := filterOf(t, "", "10/60 default\nallow explicit "+peer(1).B32()+"\n")
	now := time.Unix(1e9, 0)
	f.swept, f.stored = now, maxStored-1
	if !f.Allows(now, peer(2)) || f.Allows(now, peer(3)) || !f.Allows(now, peer(1)) {
		t.Error("with one place left")
	}
	f.stored = 1
	if now = now.Add(time.Minute); !f.Allows(now, peer(3)) || len(f.peers) != 1 || f.stored != 1 {
		t.Errorf("%d peers, %d attempts", len(f.peers), f.stored)
	}
}

func TestFaults(t *testing.T) {
	b32 := peer(1).B32()
	for text, said := range map[string]string{
		"# one\n\nallow defaults\n":            `line 3: "defaults" is none of`,
		"0/5 default":                          "is no threshold",
		"5/0 default":                          "is no threshold",
		"5 default":                            "is no threshold",
		"5/100000 default":                     "more than is counted",
		"allow default\ndeny default":          "line 2: a second default",
		"allow default " + b32:                 "behind default",
		"deny explicit stats.i2p":              "known by nothing else",
		"deny explicit " + b32 + ":80":         "known by nothing else",
		"deny explicit":                        "neither a host name",
		"deny file list.txt":                   "no absolute path",
		"allow record /list":                   "nothing to record",
		strings.Repeat("deny file /a\n", 1001): "line 1001: more than",
	} {
		if _, err := Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), said) {
			t.Errorf("%.40q: %v, expected %q", text, err, said)
		}
	}
	dir := t.TempDir()
	if _, err := New(Definition{Rules: []Rule{{File: dir}}}, slog.New(slog.DiscardHandler)); err == nil {
		t.Error("a directory as a list")
	}
	if _, err := Read(filepath.Join(dir, "rules")); err == nil {
		t.Error("no file")
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("15/5 default\nallow file /path/friends.txt\ndeny file /path/enemies.txt\n60/5 record /path/suspicious.txt\n"))
	f.Add([]byte("# a\n\n1/1 explicit " + peer(1).B32() + "\r\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		d, err := Parse(text)
		if err != nil {
			if !reflect.DeepEqual(d, Definition{}) {
				t.Error("something with an error")
			}
			return
		}
		wrote := d.AppendTo(nil)
		again, err := Parse(wrote)
		if err != nil || !reflect.DeepEqual(d, again) || !bytes.Equal(again.AppendTo(nil), wrote) {
			t.Errorf("%v: %+v became %+v by %q", err, d, again, wrote)
		}
	})
}
