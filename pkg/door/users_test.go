package door

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/crypto/bcrypt"
)

// TestUsers: who is a user comes in, at once the second time, until he is none.
func TestUsers(t *testing.T) {
	doors(t, func(t *testing.T, n *network, d *Door) {
		hash, err := hashed("secret", bcrypt.MinCost)
		if err != nil {
			t.Fatal(err)
		}
		s := Settings{Enabled: true, Listen: []string{here}, Auth: true, Users: []string{"alice:" + hash}}
		apply(t, d, s)
		for said, welcome := range map[string]bool{"": false, "alice": false, "alice wrong": false, "bob secret": false, "alice secret": true, "alice " + strings.Repeat("x", 100): false} {
			if got := say(t, n.dial(here, "127.0.0.1"), said); (got == "hello") != welcome {
				t.Errorf("%q: %q", said, got)
			}
		}
		u := d.Users()
		if err := errors.Join(u.Add("bob", "other"), u.Add("eve", "x"), u.Remove("eve")); err != nil {
			t.Fatal(err)
		}
		for _, err := range []error{u.Add("bob", "x"), u.Add("a:b", "x"), u.Add("x", ""), u.Remove("alice"), u.Remove("eve"), u.Require(false)} {
			if err == nil {
				t.Error("it was to be refused")
			}
		}
		bob := n.dial(here, "127.0.0.1")
		if got := say(t, bob, "bob other"); got != "hello" || d.Status().Clients[0].User == "" {
			t.Error(got, d.Status())
		}
		if err := u.Remove("bob"); err != nil {
			t.Fatal(err)
		}
		s.Users = []string{"carol:" + hash}
		apply(t, d, s)
		if !gone(bob) || say(t, n.dial(here, "127.0.0.1"), "alice secret") == "hello" || say(t, n.dial(here, "127.0.0.1"), "carol secret") != "hello" {
			t.Error("who is a user no longer is there")
		}
	})
}

// TestUsersInBetween: who came in by no password is not welcome once one is needed, also where that changes between the
// question and the welcome.
func TestUsersInBetween(t *testing.T) {
	doors(t, func(t *testing.T, n *network, d *Door) {
		hash, err := hashed("secret", bcrypt.MinCost)
		if err != nil {
			t.Fatal(err)
		}
		s := Settings{Enabled: true, Listen: []string{here}}
		apply(t, d, s)
		slow := n.dial(here, "127.0.0.1")
		io.WriteString(slow, "slow\n")
		synctest.Wait()
		s.Auth, s.Users = true, []string{"alice:" + hash}
		apply(t, d, s)
		time.Sleep(2 * time.Second)
		if !gone(slow) {
			t.Error("nobody is welcome")
		}
	})
}

// TestUsersKept: who was added is there after a restart, and what was required.
func TestUsersKept(t *testing.T) {
	files := &memory{}
	u := newUsers("sam", files, bcrypt.MinCost)
	if u.Require(true) == nil {
		t.Error("nobody could come in")
	}
	if err := errors.Join(u.Add("bob", "secret"), u.Require(true)); err != nil {
		t.Fatal(err)
	}
	again := newUsers("sam", files, bcrypt.MinCost)
	if err := again.set(false, nil); err != nil {
		t.Fatal(err)
	}
	if !again.Required() || !again.Check(t.Context(), "bob", "secret") || again.Check(t.Context(), "bob", "Secret") {
		t.Error("it is forgotten")
	}
	if b, _ := files.Read("sam.users"); strings.Contains(string(b), "secret") {
		t.Error("the password is kept as it is")
	}
	files.Keep("sam.users", []byte("nonsense\n"))
	if again.set(false, nil) == nil {
		t.Error("a file that is none was taken")
	}
}

// watched tells of each file that is kept before it is.
type watched struct {
	memory
	keeping func()
}

func (w *watched) Keep(name string, b []byte) error {
	w.keeping()
	return w.memory.Keep(name, b)
}

// TestUsersBesideTheDisk: who says a password does not wait for a file that is written.
func TestUsersBesideTheDisk(t *testing.T) {
	files := &watched{}
	u := newUsers("sam", files, bcrypt.MinCost)
	kept := 0
	files.keeping = func() {
		kept++
		if !u.mu.TryLock() {
			t.Error("the lock that every connection needs is held while a file is written")
			return
		}
		u.mu.Unlock()
	}
	if err := errors.Join(u.Add("bob", "secret"), u.Require(true), u.Require(false), u.Remove("bob")); err != nil || kept != 4 {
		t.Error(kept, err)
	}
}
