package naming

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"i2ptoolkit/pkg/hostrecord"
	"i2ptoolkit/pkg/i2p"
)

func today() time.Time { return time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC) }

// commands make the lines of feeds.
type commands struct {
	t       testing.TB
	a, b, c *i2p.PrivateKeys
}

func newCommands(t testing.TB) commands { return commands{t, keys(t, 1), keys(t, 2), keys(t, 3)} }

func b64(k *i2p.PrivateKeys) string { return k.Destination().Base64() }

// line is a command of a name's key, and of the old one where there is one.
func (c commands) line(name string, k, old *i2p.PrivateKeys, date int, options ...string) string {
	c.t.Helper()
	r := hostrecord.Record{Host: name}
	if name != "" {
		r.Destination = b64(k)
	}
	for i := 0; i < len(options); i += 2 {
		r = r.With(options[i], options[i+1])
	}
	if date != 0 {
		r = r.With("date", fmt.Sprint(today().Add(time.Duration(date)*time.Hour).Unix()))
	}
	var err error
	if old != nil {
		if r, err = r.With("olddest", b64(old)).SignOld(old.Signing); err != nil {
			c.t.Fatal(err)
		}
	}
	if r, err = r.Sign(k.Signing); err != nil {
		c.t.Fatal(err)
	}
	return r.String()
}

func plain(name string, k *i2p.PrivateKeys) string { return name + "=" + b64(k) }

// step is a feed, and what is to come of it.
type step struct {
	feed []string
	want Report                      // the numbers
	then map[string]*i2p.PrivateKeys // what names mean; nil: nothing
}

func (c commands) cases() map[string][]step {
	type names = map[string]*i2p.PrivateKeys
	change := func(k, old *i2p.PrivateKeys, date int) string {
		return c.line("x.i2p", k, old, date, "action", hostrecord.ActionChangeDest)
	}
	remove := func(k *i2p.PrivateKeys, date int, action string) string {
		return c.line("", k, nil, date, "action", action, "name", "x.i2p", "dest", b64(k))
	}
	first := step{[]string{plain("x.i2p", c.a)}, Report{Lines: 1, Added: 1}, names{"x.i2p": c.a}}
	return map[string][]step{
		"the first has a name": {first,
			{[]string{plain("x.i2p", c.b), "", "# comment", "X.i2p=" + b64(c.a), "no line"}, Report{Lines: 3, Known: 1, Conflicts: 1, Invalid: 1}, names{"x.i2p": c.a}}},
		"names against the rules": {
			{[]string{plain("proxy.i2p", c.a), plain("a.b32.i2p", c.a), plain("bücher.i2p", c.a), plain("\u0430.i2p", c.a), plain("exam--ple.i2p", c.a),
				plain(strings.Repeat("a", 64)+".i2p", c.a), plain("x.com", c.a), "x.i2p=AAAA"}, Report{Lines: 8, Invalid: 8}, nil},
			{[]string{plain("UPPER.i2p", c.a), plain("xn--bcher-kva.i2p", c.b)}, Report{Lines: 2, Added: 2}, names{"upper.i2p": c.a, "xn--bcher-kva.i2p": c.b}}},
		"changedest": {first,
			{[]string{change(c.b, c.a, 1)}, Report{Lines: 1, Changed: 1}, names{"x.i2p": c.b}},
			{[]string{change(c.b, c.a, 1), plain("x.i2p", c.a)}, Report{Lines: 2, Known: 1, Conflicts: 1}, names{"x.i2p": c.b}},
			{[]string{change(c.a, c.b, 2)}, Report{Lines: 1, Changed: 1}, names{"x.i2p": c.a}},
			{[]string{change(c.b, c.a, 1)}, Report{Lines: 1, Replayed: 1}, names{"x.i2p": c.a}},
			{[]string{change(c.b, c.a, 0)}, Report{Lines: 1, Replayed: 1}, names{"x.i2p": c.a}}},
		"changedest without dates": {first,
			{[]string{change(c.b, c.a, 0)}, Report{Lines: 1, Changed: 1}, names{"x.i2p": c.b}},
			{[]string{change(c.a, c.b, 0)}, Report{Lines: 1, Replayed: 1}, names{"x.i2p": c.b}},
			{[]string{change(c.a, c.b, 1)}, Report{Lines: 1, Changed: 1}, names{"x.i2p": c.a}}},
		"changedest of another's": {first,
			{[]string{change(c.c, c.b, 1)}, Report{Lines: 1, Conflicts: 1}, names{"x.i2p": c.a}},
			{[]string{strings.Replace(change(c.b, c.a, 1), "oldsig=", "oldsig=A", 1), strings.Replace(change(c.b, c.a, 1), b64(c.b), b64(c.c), 1)},
				Report{Lines: 2, Forged: 2}, names{"x.i2p": c.a}},
			{[]string{"x.i2p=" + b64(c.b) + "#!action=changedest#olddest=" + b64(c.a), "x.i2p=" + b64(c.b) + "#!action=explode", plain("x.i2p", c.b) + "#!date=1"},
				Report{Lines: 3, Unsigned: 1, Invalid: 1, Conflicts: 1}, names{"x.i2p": c.a}},
			{[]string{strings.Replace(change(c.b, c.a, 1), "x.i2p=", "y.i2p=", 1)}, Report{Lines: 1, Forged: 1}, names{"x.i2p": c.a, "y.i2p": nil}}},
		"dates": {first,
			{[]string{change(c.b, c.a, 30), c.line("y.i2p", c.a, nil, 0, "expires", "1000"), c.line("z.i2p", c.a, nil, 0, "date", "soon")},
				Report{Lines: 3, Invalid: 2, Expired: 1}, names{"x.i2p": c.a, "y.i2p": nil, "z.i2p": nil}}},
		"adddest": {first,
			{[]string{c.line("x.i2p", c.b, c.a, 1, "action", hostrecord.ActionAddDest)}, Report{Lines: 1, Added: 1}, names{"x.i2p": c.a}},
			{[]string{plain("x.i2p", c.b), plain("x.i2p", c.a)}, Report{Lines: 2, Known: 2}, names{"x.i2p": c.a}},
			{[]string{c.line("x.i2p", c.c, c.a, 2, "action", hostrecord.ActionChangeDest)}, Report{Lines: 1, Changed: 1}, names{"x.i2p": c.c}},
			{[]string{c.line("x.i2p", c.b, c.c, 3, "action", hostrecord.ActionChangeDest)}, Report{Lines: 1, Changed: 1}, names{"x.i2p": c.b}}},
		"addname": {first,
			{[]string{c.line("y.i2p", c.a, nil, 1, "action", hostrecord.ActionAddName, "oldname", "x.i2p")}, Report{Lines: 1, Added: 1}, names{"y.i2p": c.a}},
			{[]string{c.line("z.i2p", c.b, nil, 1, "action", hostrecord.ActionAddName, "oldname", "x.i2p")}, Report{Lines: 1, Conflicts: 1}, names{"z.i2p": nil}}},
		"changename": {first,
			{[]string{c.line("y.i2p", c.a, nil, 1, "action", hostrecord.ActionChangeName, "oldname", "x.i2p")}, Report{Lines: 1, Changed: 1}, names{"y.i2p": c.a, "x.i2p": nil}},
			{[]string{plain("x.i2p", c.b)}, Report{Lines: 1, Added: 1}, names{"x.i2p": c.b, "y.i2p": c.a}},
			{[]string{c.line("z.i2p", c.a, nil, 2, "action", hostrecord.ActionChangeName, "oldname", "x.i2p")}, Report{Lines: 1, Added: 1}, names{"x.i2p": c.b, "z.i2p": c.a}}},
		"changename to another's": {first, {[]string{plain("y.i2p", c.b)}, Report{Lines: 1, Added: 1}, nil},
			{[]string{c.line("y.i2p", c.a, nil, 1, "action", hostrecord.ActionChangeName, "oldname", "x.i2p")}, Report{Lines: 1, Conflicts: 1}, names{"y.i2p": c.b, "x.i2p": c.a}}},
		"addsubdomain": {first,
			{[]string{c.line("www.x.i2p", c.b, c.a, 1, "action", hostrecord.ActionAddSubdomain, "oldname", "x.i2p")}, Report{Lines: 1, Added: 1}, names{"www.x.i2p": c.b}},
			{[]string{c.line("ftp.x.i2p", c.b, c.c, 1, "action", hostrecord.ActionAddSubdomain, "oldname", "x.i2p")}, Report{Lines: 1, Conflicts: 1}, names{"ftp.x.i2p": nil}}},
		"update": {first,
			{[]string{c.line("x.i2p", c.a, nil, 2, "action", hostrecord.ActionUpdate, "k", "v")}, Report{Lines: 1, Updated: 1}, names{"x.i2p": c.a}},
			{[]string{c.line("x.i2p", c.a, nil, 1, "action", hostrecord.ActionUpdate, "k", "w")}, Report{Lines: 1, Replayed: 1}, names{"x.i2p": c.a}},
			{[]string{c.line("x.i2p", c.b, nil, 3, "action", hostrecord.ActionUpdate, "k", "w")}, Report{Lines: 1, Conflicts: 1}, names{"x.i2p": c.a}}},
		"remove": {first,
			{[]string{remove(c.b, 1, hostrecord.ActionRemove)}, Report{Lines: 1, Known: 1}, names{"x.i2p": c.a}},
			{[]string{remove(c.a, 1, hostrecord.ActionRemove)}, Report{Lines: 1, Removed: 1}, names{"x.i2p": nil}},
			{[]string{plain("x.i2p", c.a), c.line("x.i2p", c.a, nil, 1)}, Report{Lines: 2, Replayed: 2}, names{"x.i2p": nil}},
			{[]string{c.line("x.i2p", c.a, nil, 2)}, Report{Lines: 1, Added: 1}, names{"x.i2p": c.a}},
			{[]string{remove(c.a, 1, hostrecord.ActionRemove)}, Report{Lines: 1, Replayed: 1}, names{"x.i2p": c.a}},
			{[]string{remove(c.a, 3, hostrecord.ActionRemove)}, Report{Lines: 1, Removed: 1}, names{"x.i2p": nil}},
			{[]string{plain("x.i2p", c.b)}, Report{Lines: 1, Added: 1}, names{"x.i2p": c.b}}},
		"remove comes last": {
			{[]string{remove(c.a, 1, hostrecord.ActionRemove), plain("x.i2p", c.a)}, Report{Lines: 2, Added: 1, Removed: 1}, names{"x.i2p": nil}}},
		"removeall": {first, {[]string{plain("y.i2p", c.a), plain("z.i2p", c.b)}, Report{Lines: 2, Added: 2}, nil},
			{[]string{strings.Replace(remove(c.a, 1, hostrecord.ActionRemoveAll), "sig=", "sig=AA", 1)}, Report{Lines: 1, Forged: 1}, names{"x.i2p": c.a}},
			{[]string{remove(c.a, 1, hostrecord.ActionRemoveAll)}, Report{Lines: 1, Removed: 1}, names{"x.i2p": nil, "y.i2p": nil, "z.i2p": c.b}},
			{[]string{plain("y.i2p", c.a), plain("new.i2p", c.a)}, Report{Lines: 2, Replayed: 2}, names{"y.i2p": nil, "new.i2p": nil}}},
	}
}

// TestRules: each feed is read by a process of its own, so that what the rules remember is in the
// book; and again by the same, which changes nothing.
func TestRules(t *testing.T) {
	for name, steps := range newCommands(t).cases() {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for i, s := range steps {
				n := New(Config{Dir: dir, Now: today})
				got, err := n.Import(context.Background(), Subscribed, strings.NewReader(strings.Join(s.feed, "\r\n")), false)
				if err != nil {
					t.Fatal(err)
				}
				numbers := got
				numbers.Changes, numbers.Examples = nil, nil
				if fmt.Sprintf("%+v", numbers) != fmt.Sprintf("%+v", s.want) {
					t.Errorf("feed %d: %+v, want %+v: %q", i, numbers, s.want, got.Examples)
				}
				if len(got.Changes) != got.Changed+got.Removed {
					t.Errorf("feed %d: changes %v", i, got.Changes)
				}
				for name, want := range s.then {
					is(t, n, name, want)
				}
				before, _ := os.ReadFile(filepath.Join(dir, FileName(Subscribed)))
				if _, err := n.Import(context.Background(), Subscribed, strings.NewReader(strings.Join(s.feed, "\n")), false); err != nil {
					t.Fatal(err)
				}
				if after, _ := os.ReadFile(filepath.Join(dir, FileName(Subscribed))); string(after) != string(before) {
					t.Errorf("feed %d, read again, changes the book from\n%s\nto\n%s", i, before, after)
				}
			}
		})
	}
}

// TestOwner: the owner replaces what he wants to, and what he removes stays away.
func TestOwner(t *testing.T) {
	c := newCommands(t)
	dir := t.TempDir()
	n := New(Config{Dir: dir, Now: today})
	write(t, dir, Local, "# mine", plain("x.i2p", c.a), plain("y.i2p", c.b))
	if err := n.Add(Local, "x.i2p", c.b.Destination(), false); !errors.Is(err, ErrConflict) {
		t.Error(err)
	}
	if err := n.Add(Local, "x.i2p", c.a.Destination(), false); err != nil {
		t.Error(err)
	}
	is(t, n, "x.i2p", c.a)
	if err := n.Add(Local, "X.i2p", c.b.Destination(), true); err != nil {
		t.Error(err)
	}
	if err := n.Add(Local, "z.i2p", c.c.Destination(), false); err != nil {
		t.Error(err)
	}
	want := strings.Join([]string{"# mine", plain("y.i2p", c.b), plain("x.i2p", c.b), plain("z.i2p", c.c), ""}, "\n")
	if b, err := os.ReadFile(filepath.Join(dir, FileName(Local))); err != nil || string(b) != want {
		t.Errorf("%s, %v", b, err)
	}
	if err := n.Remove(Local, "x.i2p"); err != nil {
		t.Error(err)
	}
	is(t, n, "x.i2p", nil)
	if err := n.Remove(Local, "x.i2p"); !errors.Is(err, ErrUnknown) {
		t.Error(err)
	}
	if err := n.Add("other", "x.i2p", c.b.Destination(), false); !errors.Is(err, ErrNoBook) {
		t.Error(err)
	}
	if err := n.Add(Local, "router.i2p", c.b.Destination(), false); err == nil {
		t.Error("a reserved name was added")
	}
	if _, err := n.Import(context.Background(), Subscribed, strings.NewReader(plain("x.i2p", c.a)), false); err != nil {
		t.Error(err)
	}
	is(t, n, "x.i2p", c.a)
	if err := n.Remove(Subscribed, "x.i2p"); err != nil {
		t.Error(err)
	}
	if r, err := n.Import(context.Background(), Subscribed, strings.NewReader(plain("x.i2p", c.a)), false); err != nil || r.Replayed != 1 {
		t.Errorf("%+v, %v", r, err)
	}
	is(t, n, "x.i2p", nil)
}

// TestReverse: names of a destination, in all books, as they change.
func TestReverse(t *testing.T) {
	c := newCommands(t)
	n := New(Config{Now: today})
	check := func(k *i2p.PrivateKeys, want string) {
		t.Helper()
		found, err := n.Reverse(k.Destination().Hash())
		var got []string
		for _, e := range found {
			got = append(got, e.Book+" "+e.Name)
		}
		if err != nil || strings.Join(got, ", ") != want {
			t.Errorf("%q, %v, want %q", got, err, want)
		}
	}
	check(c.a, "")
	for _, name := range []string{"x.i2p", "y.i2p"} {
		if err := n.Add(Subscribed, name, c.a.Destination(), false); err != nil {
			t.Fatal(err)
		}
		check(c.b, "") // it is indexed from now on
	}
	if err := n.Add(Private, "z.i2p", c.a.Destination(), false); err != nil {
		t.Fatal(err)
	}
	check(c.a, "private z.i2p, subscribed x.i2p, subscribed y.i2p")
	if err := n.Add(Subscribed, "x.i2p", c.b.Destination(), true); err != nil {
		t.Fatal(err)
	}
	check(c.a, "private z.i2p, subscribed y.i2p")
	check(c.b, "subscribed x.i2p")
}

// TestBounds: a book takes no more names than it may, and few destinations for one.
func TestBounds(t *testing.T) {
	c := newCommands(t)
	n := New(Config{Now: today})
	n.maxNames = 3
	var feed []string
	for i := range 5 {
		feed = append(feed, plain(fmt.Sprintf("x%d.i2p", i), c.a))
	}
	r, err := n.Import(context.Background(), Subscribed, strings.NewReader(strings.Join(feed, "\n")), false)
	if err != nil || r.Added != 3 || r.Full != 2 {
		t.Errorf("%+v, %v", r, err)
	}
	if s := n.Stats(); s.Added != 3 || s.Full != 2 {
		t.Errorf("%+v", s)
	}
	for i := range maxAlternates + 1 {
		line := c.line("x0.i2p", keys(t, byte(10+i)), c.a, i+1, "action", hostrecord.ActionAddDest)
		r, err := n.Import(context.Background(), Subscribed, strings.NewReader(line), false)
		if err != nil || (r.Added == 1) != (i < maxAlternates-1) {
			t.Errorf("alternate %d: %+v, %v", i, r, err)
		}
	}
	is(t, n, "x0.i2p", c.a)
}

// TestKilled: who is killed while he adds leaves a part of a line at most, which spoils no other.
func TestKilled(t *testing.T) {
	c := newCommands(t)
	dir := t.TempDir()
	write(t, dir, Subscribed, plain("x.i2p", c.a), plain("y.i2p", c.b)[:300])
	n := New(Config{Dir: dir, Now: today})
	if err := n.Add(Subscribed, "z.i2p", c.c.Destination(), false); err != nil {
		t.Fatal(err)
	}
	for range 2 { // as it was appended, and read anew
		is(t, n, "x.i2p", c.a)
		is(t, n, "z.i2p", c.c)
		n = New(Config{Dir: dir})
	}
}

// FuzzFeed: whatever a feed says, a name that was there means what it meant unless its destination signed.
func FuzzFeed(f *testing.F) {
	c := newCommands(f)
	for _, steps := range c.cases() {
		for _, s := range steps {
			f.Add(strings.Join(s.feed, "\n"))
		}
	}
	mine := keys(f, 99)
	f.Fuzz(func(t *testing.T, feed string) {
		n := New(Config{Now: today})
		if err := n.Add(Subscribed, "x.i2p", mine.Destination(), false); err != nil {
			t.Fatal(err)
		}
		r, err := n.Import(context.Background(), Subscribed, strings.NewReader(feed), false)
		if err != nil {
			t.Fatal(err)
		}
		if sum := r.Added + r.Changed + r.Updated + r.Removed + r.Known + r.Refused(); sum != r.Lines {
			t.Fatalf("%d of %d lines are told of: %+v", sum, r.Lines, r)
		}
		is(t, n, "x.i2p", mine)
	})
}
