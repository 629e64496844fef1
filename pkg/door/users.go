package door

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"

	"golang.org/x/crypto/bcrypt"
)

// The longest name, and password: bcrypt reads no more of one.
const (
	maxName     = 128
	maxPassword = 72
	maxUsers    = 1000
)

// Hash is what is kept of a password: bcrypt, salted. What it returns is the second half of a user in the settings.
func Hash(password string) (string, error) { return hashed(password, bcrypt.DefaultCost) }

func hashed(password string, cost int) (string, error) {
	switch {
	case password == "":
		return "", errors.New("the password is empty: whoever says none would be let in")
	case len(password) > maxPassword:
		return "", fmt.Errorf("the password has %d bytes: bcrypt, by which it is kept, reads %d at most", len(password), maxPassword)
	}
	b, err := bcrypt.GenerateFromPassword([]byte(password), cost)
	return string(b), err
}

// checkName refuses names that a line of the file could not hold.
func checkName(name string) error {
	if name == "" || len(name) > maxName || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == ':' || r == 0x7f }) {
		return fmt.Errorf("%.40q is no name of a user: it has from 1 to %d bytes, and no colon", name, maxName)
	}
	return nil
}

// maxCost bounds the work for one password.
const maxCost = 14

// parseUser takes NAME:HASH apart.
func parseUser(text string) (name, hash string, err error) {
	name, hash, _ = strings.Cut(text, ":")
	if err := checkName(name); err != nil {
		return "", "", err
	}
	if cost, err := bcrypt.Cost([]byte(hash)); err != nil || cost > maxCost {
		return "", "", fmt.Errorf("the user %s has no bcrypt hash (i2p-router hash-password makes one)", name)
	}
	return name, hash, nil
}

// Users are those who may use a door: those of its settings, and those that were added while it ran, which are kept.
type Users struct {
	file  string
	files Files
	cost  int           // of the hashes
	slots chan struct{} // bounds the passwords that are looked at together
	turn  chan struct{} // who changes what is kept has it: those who only look do not wait for the disk
	key   [32]byte      // of proven
	// unknown is looked at in place of the hash of a user that there is not, which takes as long.
	unknown func() string

	mu       sync.Mutex // a leaf
	required bool       // by the settings
	settled  map[string]string
	kept
	proven map[string][sha256.Size]byte // what was right before: applications say it for every connection
}

// kept is what a door is told while it runs.
type kept struct {
	added map[string]string // users with the hashes of their passwords
	asked bool              // AUTH ENABLE: a user is required though the settings do not say so
}

func newUsers(name string, files Files, cost int) *Users {
	u := &Users{
		file: name + ".users", files: files, cost: cost, slots: make(chan struct{}, 2), turn: make(chan struct{}, 1),
		settled: make(map[string]string), kept: kept{added: make(map[string]string)}, proven: make(map[string][sha256.Size]byte),
	}
	rand.Read(u.key[:])
	u.unknown = sync.OnceValue(func() string {
		hash, _ := hashed("nobody", cost)
		return hash
	})
	return u
}

// set takes the settings', and reads those that were added before.
func (u *Users) set(required bool, users []string) error {
	settled := make(map[string]string)
	for _, text := range users {
		name, hash, err := parseUser(text)
		if err != nil {
			return err
		}
		settled[name] = hash
	}
	u.turn <- struct{}{}
	defer func() { <-u.turn }()
	was, err := u.read()
	if err != nil {
		return err
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.required, u.settled, u.kept = required, settled, was
	clear(u.proven)
	return nil
}

// read reads the file of those who were added: NAME:HASH, a line each, and "required" on a line of its own.
func (u *Users) read() (was kept, err error) {
	was.added = make(map[string]string)
	b, err := u.files.Read(u.file)
	if errors.Is(err, fs.ErrNotExist) {
		return was, nil
	}
	for line := range strings.Lines(string(b)) {
		line = strings.TrimSpace(line)
		if line == "required" {
			was.asked = true
		} else if name, hash, bad := parseUser(line); bad == nil {
			was.added[name] = hash
		} else {
			err = errors.Join(err, fmt.Errorf("%s: %w", u.file, bad))
		}
	}
	return was, err
}

// Required tells whether a name and a password are to be said.
func (u *Users) Required() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.required || u.asked
}

// Check tells whether a user may come in. How long it takes does not tell whether there is one of the name.
func (u *Users) Check(ctx context.Context, name, password string) bool {
	u.mu.Lock()
	needed := u.required || u.asked
	hash, is := u.hash(name)
	proof, before := u.proven[name]
	u.mu.Unlock()
	if !needed {
		return true
	}
	if len(password) > maxPassword {
		return false
	}
	mac := hmac.New(sha256.New, u.key[:])
	fmt.Fprintf(mac, "%d %s %s", len(name), name, password)
	said := [sha256.Size]byte(mac.Sum(nil))
	if before && hmac.Equal(said[:], proof[:]) {
		return true
	}
	select {
	case u.slots <- struct{}{}:
	case <-ctx.Done():
		return false
	}
	defer func() { <-u.slots }()
	looked := hash
	if !is {
		looked = u.unknown()
	}
	if bcrypt.CompareHashAndPassword([]byte(looked), []byte(password)) != nil || !is {
		return false
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if now, _ := u.hash(name); now != hash {
		return false
	}
	u.proven[name] = said
	return true
}

// hash is a user's; the caller has the lock.
func (u *Users) hash(name string) (hash string, is bool) {
	if hash, is = u.settled[name]; !is {
		hash, is = u.added[name]
	}
	return hash, is
}

func (u *Users) known(name string) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	_, is := u.hash(name)
	return is
}

// Add keeps a user beside those of the settings.
func (u *Users) Add(name, password string) error {
	if err := checkName(name); err != nil {
		return err
	}
	hash, err := hashed(password, u.cost)
	if err != nil {
		return err
	}
	return u.change(func(to *kept) error {
		if _, is := u.hash(name); is {
			return fmt.Errorf("there is a user %s already", name)
		}
		if len(to.added) >= maxUsers {
			return fmt.Errorf("more than %d users", maxUsers)
		}
		to.added[name] = hash
		return nil
	})
}

// Remove takes a user away who was added.
func (u *Users) Remove(name string) error {
	return u.change(func(to *kept) error {
		if _, is := u.settled[name]; is {
			return errors.New("it is one of the settings, which are changed in their file")
		}
		if _, is := to.added[name]; !is {
			return errors.New("there is no such user")
		}
		delete(to.added, name)
		return nil
	})
}

// Require says whether connections from now on need a user. What the settings require stays.
func (u *Users) Require(on bool) error {
	return u.change(func(to *kept) error {
		if !on && u.required {
			return errors.New("the settings require it")
		}
		if on && len(u.settled)+len(to.added) == 0 {
			return errors.New("there is no user yet")
		}
		to.asked = on
		return nil
	})
}

// change has f change a copy of what is kept, keeps that, and has it hold. The lock is not held while files are written:
// every connection's password needs it.
func (u *Users) change(f func(to *kept) error) error {
	u.turn <- struct{}{}
	defer func() { <-u.turn }()
	u.mu.Lock()
	to := kept{maps.Clone(u.added), u.asked}
	err := f(&to)
	u.mu.Unlock()
	if err != nil {
		return err
	}
	var b strings.Builder
	if to.asked {
		b.WriteString("required\n")
	}
	for _, name := range slices.Sorted(maps.Keys(to.added)) {
		fmt.Fprintf(&b, "%s:%s\n", name, to.added[name])
	}
	if err := u.files.Keep(u.file, []byte(b.String())); err != nil {
		return err
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.kept = to
	maps.DeleteFunc(u.proven, func(name string, _ [sha256.Size]byte) bool {
		_, is := u.hash(name)
		return !is
	})
	return nil
}

// memory keeps files where nothing is written to a disk.
type memory struct {
	mu    sync.Mutex
	files map[string][]byte
}

func (m *memory) Read(name string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if b, is := m.files[name]; is {
		return b, nil
	}
	return nil, fs.ErrNotExist
}

func (m *memory) Keep(name string, b []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.files == nil {
		m.files = make(map[string][]byte)
	}
	m.files[name] = b
	return nil
}
