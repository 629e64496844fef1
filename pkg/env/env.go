// Package env is what a part of a router with a loop of its own has from its surroundings:
// the time, random numbers, a log, and the hook of simulations. The composition makes it once,
// and gives each part its own by name; nobody else picks defaults for these things.
//
// It is for those who run goroutines. An engine is told the time and given its source.
package env

import (
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"i2ptoolkit/pkg/draw"
)

// Env is the surroundings of one part.
type Env struct {
	Now  func() time.Time // nil is time.Now
	Rand *draw.Source     // nil is crypto/rand; the part's loop owns it
	Log  *slog.Logger     // nil says nothing
	// Gather is for simulations, nil elsewhere: the part's loop calls it once it has woken. It
	// returns when the goroutines that may still give it something to do are at rest.
	Gather func()
	// Turn is for simulations, nil elsewhere: a goroutine that does one thing calls it before it
	// does that, where it may have been woken beside others that do the like. It returns when
	// all others are at rest, and of two with different numbers it is not chance who is first.
	Turn func(n uint64)
}

// FirstTurn is what Config.Gather is given from, where it is no loop that gathers: there are
// fewer loops.
const (
	FirstTurn = 1 << 16
	turns     = 1 << 20
)

// Complete returns the Env with the system's own in the place of what is nil; but for Gather,
// which mailbox.Box takes as it is, and Turn.
func (e Env) Complete() Env {
	if e.Now == nil {
		e.Now = time.Now
	}
	if e.Rand == nil {
		e.Rand = draw.From(nil)
	}
	if e.Log == nil {
		e.Log = slog.New(slog.DiscardHandler)
	}
	return e
}

// Config is the surroundings of a whole router.
type Config struct {
	Now  func() time.Time // nil is time.Now
	Rand io.Reader        // nil is crypto/rand; else New reads a seed from it
	Log  *slog.Logger     // nil says nothing
	// Gather is for simulations, nil elsewhere: every loop calls it once it has woken, with its
	// number. It returns when all other loops are at rest, so that what one finds to do does
	// not depend on the scheduler. Turns come here too, with numbers from FirstTurn on.
	Gather func(loop int)
}

// Whole is the surroundings of a whole router, to be given out in parts.
type Whole struct {
	cfg  Config
	seed []byte // nil without a configured source

	mu    sync.Mutex // a leaf
	loops int
	named map[string]int
}

// New makes the surroundings of a router.
func New(cfg Config) *Whole {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	w := &Whole{cfg: cfg, named: make(map[string]int)}
	if cfg.Rand != nil {
		w.seed = make([]byte, 32)
		draw.Fill(cfg.Rand, w.seed)
	}
	return w
}

// Log is the log of all parts.
func (w *Whole) Log() *slog.Logger { return w.cfg.Log }

// Part gives a part its surroundings. With a configured source it draws from a stream of its
// own, which follows from its name and the number of parts that had the name before: parts
// that run side by side draw the same numbers in every run, whatever other parts there are.
// The loops are numbered from 0 in the order of the calls.
func (w *Whole) Part(name string) Env {
	w.mu.Lock()
	loop, nth := w.loops, w.named[name]
	w.loops++
	w.named[name]++
	w.mu.Unlock()
	e := Env{Now: w.cfg.Now, Log: w.cfg.Log}
	if w.seed != nil {
		key, err := hkdf.Expand(sha256.New, w.seed, fmt.Sprintf("%s %d", name, nth), 32)
		if err != nil {
			panic("env: " + err.Error()) // only a key too long fails
		}
		e.Rand = draw.Seeded([32]byte(key))
	}
	if w.cfg.Gather != nil {
		e.Gather = func() { w.cfg.Gather(loop) }
		e.Turn = func(n uint64) { w.cfg.Gather(FirstTurn + int(n%turns)) }
	}
	return e.Complete()
}
