// Package naming is the names of a router: address books that its owner can edit, and what other
// people's say of names (Naming and Address Book). There are three, which are asked in this
// order: one that is private to the owner, one of the owner's that is for others too, and one
// that subscriptions fill. Each is a file in the format of hosts.txt, name=destination on a line,
// and holds from the moment on in which its writer has saved it.
//
// A name never comes to mean another destination by itself: only its owner's will (replace) and
// a command that the old destination has signed do that.
package naming

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"slices"
	"strings"
	"time"

	"i2ptoolkit/pkg/draw"
	"i2ptoolkit/pkg/i2p"
)

// The books, in the order in which they are asked.
const (
	Private    = "private"    // the owner's alone
	Local      = "local"      // the owner's, for others to have
	Subscribed = "subscribed" // what feeds gave
)

// Books are the names of all books, in the order in which they are asked.
func Books() []string { return []string{Private, Local, Subscribed} }

// Errors that a caller decides by.
var (
	ErrUnknown  = errors.New("no address book knows the name")
	ErrConflict = errors.New("the name has another destination")
	ErrNoBook   = errors.New("no such address book")
)

// Config is what Names are made of. The zero value keeps all in memory.
type Config struct {
	Dir  string // where the books are; empty: in memory, and gone with the process
	Seal *Seal  // nil: the books are files in clear
	// Fetch gets feeds, over I2P (Fetcher); nil: there is no way to.
	Fetch func(context.Context, Request) (Response, error)
	// Jumps are the jump services, and Subscriptions feeds beside those that are kept with the books and before
	// them. They are asked for each time: their owner may change them. Nil: there are none.
	Jumps         func() []Jump
	Subscriptions func() []string
	Now           func() time.Time
	Rand          *draw.Source // nil is crypto/rand
	Log           *slog.Logger
}

// Seal encrypts the books that are the owner's, where the router's state is encrypted. They
// cannot be edited by hand then. What feeds gave, and everybody can have of them, stays in clear.
type Seal struct {
	Read func(name string) ([]byte, error) // fs.ErrNotExist: there is none
	Keep func(name string, b []byte) error
}

// Names are the address books of a router. All methods may be called from several goroutines.
type Names struct {
	cfg     Config
	books   []*book
	writing semaphore // held by who changes a book, from what it reads to what it writes
	counts  counts

	updating semaphore        // held by who asks for feeds
	inMemory map[string]store // the files beside the books, where there is no directory
	maxNames int              // of a book
}

// New makes Names. Nothing is read before it is asked for.
func New(cfg Config) *Names {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Rand == nil {
		cfg.Rand = draw.From(nil)
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	n := &Names{cfg: cfg, writing: newSemaphore(), updating: newSemaphore(), maxNames: maxNames,
		inMemory: map[string]store{feedsFile: &memory{}, stateFile: &memory{}}}
	seed := maphash.MakeSeed()
	for _, name := range Books() {
		n.books = append(n.books, &book{name: name, seed: seed, store: cfg.store(name), reading: newSemaphore()})
	}
	return n
}

// store is where a book's text is.
func (c Config) store(book string) store {
	switch file := FileName(book); {
	case c.Dir == "":
		return &memory{}
	case c.Seal != nil && book != Subscribed:
		return &memory{read: func() ([]byte, error) { return c.Seal.Read(file) }, keep: func(b []byte) error { return c.Seal.Keep(file, b) }}
	default:
		return &disk{dir: c.Dir, name: file}
	}
}

// FileName is what a book's file is called.
func FileName(book string) string { return book + ".txt" }

// book finds one by its name.
func (n *Names) book(name string) (*book, error) {
	i := slices.IndexFunc(n.books, func(b *book) bool { return b.name == name })
	if i < 0 {
		return nil, fmt.Errorf("%w: %q is none of %s", ErrNoBook, name, strings.Join(Books(), ", "))
	}
	return n.books[i], nil
}

// Entry is one name in one book.
type Entry struct {
	Book        string
	Name        string
	Destination i2p.Destination
}

// Lookup finds the destination that a name has here. It asks nobody.
func (n *Names) Lookup(name string) (i2p.Destination, error) {
	e, err := n.Find(name)
	return e.Destination, err
}

// Find is Lookup, and says which book has the name. A name may be written in upper case.
func (n *Names) Find(name string) (Entry, error) {
	e, err := n.find(strings.ToLower(name))
	switch {
	case err == nil:
		n.counts.found.Add(1)
	case errors.Is(err, ErrUnknown):
		n.counts.unknown.Add(1)
	default:
		n.counts.failed.Add(1)
	}
	return e, err
}

func (n *Names) find(name string) (Entry, error) {
	if err := i2p.CheckHost(name); err != nil {
		return Entry{}, err
	}
	for _, b := range n.books {
		lines, err := b.find(name)
		if err != nil {
			return Entry{}, fmt.Errorf("the %s address book: %w", b.name, err)
		}
		if len(lines) == 0 {
			continue
		}
		dest, err := lines[0].destination()
		if err != nil {
			return Entry{}, fmt.Errorf("%s in the %s address book: %w", name, b.name, err)
		}
		return Entry{Book: b.name, Name: name, Destination: dest}, nil
	}
	return Entry{}, fmt.Errorf("%s: %w", name, ErrUnknown)
}

// Resolver asks the network for the destination with a hash (b32), or behind an encrypted lease set (b33).
type Resolver interface {
	Resolve(ctx context.Context, hash i2p.Hash) (i2p.Destination, error)
	ResolveBlinded(ctx context.Context, a i2p.BlindedAddress) (i2p.Destination, error)
}

// Resolve finds the destination that a name of any kind stands for: a host name in the books, an
// address or a hash by its lease set, and a destination in base64 by itself.
func (n *Names) Resolve(ctx context.Context, by Resolver, name i2p.Name) (i2p.Destination, error) {
	switch name.Kind {
	case i2p.NameDestination:
		return name.Destination, nil
	case i2p.NameAddress, i2p.NameHash:
		return by.Resolve(ctx, name.Hash)
	case i2p.NameBlinded:
		return by.ResolveBlinded(ctx, name.Blinded)
	}
	return n.Lookup(name.Host)
}

// Load reads what has changed, so that who asks next need not wait for it.
func (n *Names) Load() error {
	var errs []error
	for _, b := range n.books {
		if _, err := b.current(); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// semaphore is held across files being read and written, where a mutex would be in the way of
// simulated time.
type semaphore chan struct{}

func newSemaphore() semaphore { return make(semaphore, 1) }

func (s semaphore) take() { s <- struct{}{} }
func (s semaphore) give() { <-s }
