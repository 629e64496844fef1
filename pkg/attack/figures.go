package attack

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// Kind is one of the things that are done over and over while a router is attacked.
type Kind string

// The kinds.
const (
	Outgoing  Kind = "streams"   // the victim's own client opens a stream to a destination that it does not know yet
	Visits    Kind = "visits"    // a destination that is new to it opens a stream to the victim's service
	Bulk      Kind = "bulk"      // a destination that it knows sends the service 256 KB
	Lookups   Kind = "lookups"   // the victim looks up a lease set that it has not asked for yet
	Openings  Kind = "openings"  // the victim opens a destination, until it is published
	Newcomers Kind = "newcomers" // a router from an address of its own opens a session with the victim
	Transit   Kind = "transit"   // and is given a tunnel
)

// Kinds are what is done to any router, in the order of the table.
var Kinds = []Kind{Outgoing, Visits, Bulk, Lookups, Openings, Newcomers, Transit}

// What those want who use the doors and mean well, each over a connection of its own.
const (
	AskSAM     Kind = "SAM"         // HELLO, and keys made
	SAMStreams Kind = "SAM streams" // a stream to a destination elsewhere, and a round trip over it
	AskI2CP    Kind = "I2CP"        // the date, and the limits of bandwidth
	AskBOB     Kind = "BOB"         // the list of tunnels
	AskControl Kind = "I2PControl"  // a handshake of TLS, a token by the password, and an echo
)

// DoorKinds are all of those.
var DoorKinds = []Kind{AskSAM, SAMStreams, AskI2CP, AskBOB, AskControl}

// Figure is how one thing went.
type Figure struct {
	OK, Failed int
	Took       []time.Duration // of those that went well
	Why        map[string]int  // of those that did not
}

// none tells whether there is nothing to tell.
func (f *Figure) none() bool { return f.OK+f.Failed == 0 }

// Rate is the share that went well.
func (f *Figure) Rate() float64 {
	if f == nil || f.OK+f.Failed == 0 {
		return 0
	}
	return float64(f.OK) / float64(f.OK+f.Failed)
}

// Median is the time that it took.
func (f *Figure) Median() time.Duration {
	if f == nil || len(f.Took) == 0 {
		return 0
	}
	return slices.Sorted(slices.Values(f.Took))[len(f.Took)/2]
}

// Figures are what was seen within one span of time.
type Figures struct {
	mu     sync.Mutex
	of     map[Kind]*Figure
	RSS    int64         // of the victim, at most
	Builds [2]uint64     // tunnels that the victim asked for: built, and in all
	CPU    time.Duration // of the victim
	Lasted time.Duration
}

func newFigures() *Figures { return &Figures{of: make(map[Kind]*Figure)} }

// add notes how a thing went.
func (fs *Figures) add(k Kind, took time.Duration, err error) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	f := fs.of[k]
	if f == nil {
		f = &Figure{Why: make(map[string]int)}
		fs.of[k] = f
	}
	if err != nil {
		f.Failed++
		f.Why[cause(err)]++
		return
	}
	f.OK++
	f.Took = append(f.Took, took)
}

// cause is the end of an error's text: what comes before names a hash or an address.
func cause(err error) string {
	text := err.Error()
	return strings.TrimSpace(text[strings.LastIndex(text, ":")+1:])
}

// Of are the figures of several kinds together.
func (fs *Figures) Of(kinds ...Kind) *Figure {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	sum := &Figure{Why: make(map[string]int)}
	for _, k := range kinds {
		if f := fs.of[k]; f != nil {
			sum.OK += f.OK
			sum.Failed += f.Failed
			sum.Took = append(sum.Took, f.Took...)
			for why, n := range f.Why {
				sum.Why[why] += n
			}
		}
	}
	return sum
}

// missing are those of some kinds of which none has gone well.
func (fs *Figures) missing(kinds []Kind) (out []string) {
	for _, k := range kinds {
		if fs.Of(k).OK == 0 {
			out = append(out, string(k))
		}
	}
	return out
}

// cell is one figure in the table: the share that went well, of how many, and in what time.
func cell(f *Figure) string {
	if f.none() {
		return "-"
	}
	s := fmt.Sprintf("%.0f%% of %d", 100*f.Rate(), f.OK+f.Failed)
	if f.OK > 0 {
		s += ", " + short(f.Median())
	}
	return s
}

func short(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

// Row is what one attack did.
type Row struct {
	Name                  string
	Before, During, After *Figures
	Back                  time.Duration     // after its end until all went well; negative: never
	Restarted             time.Duration     // likewise, after a restart in its midst; 0: there was none
	Counts                map[string]uint64 // of the attack
	MaxMemory             int64             // that is allowed; 0: what is of any attack
}

// well says how long something took, which a negative time never did.
func well(d time.Duration) string {
	switch {
	case d < 0:
		return "never"
	case d == 0:
		return "-"
	}
	return short(d)
}

// Table has a line for each kind of each attack.
func Table(rows []Row) string {
	var b strings.Builder
	b.WriteString("| attack | what | before | during | after |\n|---|---|---|---|---|\n")
	for _, r := range rows {
		name := r.Name
		line := func(what, before, during, after string) {
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", name, what, before, during, after)
			name = ""
		}
		for _, k := range slices.Concat(Kinds, DoorKinds) {
			if before, during, after := r.Before.Of(k), r.During.Of(k), r.After.Of(k); !before.none() || !during.none() || !after.none() {
				line(string(k), cell(before), cell(during), cell(after))
			}
		}
		builds := func(f *Figures) string { return fmt.Sprintf("%d of %d", f.Builds[0], f.Builds[1]) }
		line("tunnels built", builds(r.Before), builds(r.During), builds(r.After))
		mem := func(f *Figures) string { return fmt.Sprintf("%d MB", f.RSS>>20) }
		line("memory at most", mem(r.Before), mem(r.During), mem(r.After))
		load := func(f *Figures) string {
			return fmt.Sprintf("%.0f%%", 100*f.CPU.Seconds()/max(f.Lasted.Seconds(), 1e-3))
		}
		line("processor", load(r.Before), load(r.During), load(r.After))
		line("all well again", "", "restarted: "+well(r.Restarted), well(r.Back))
	}
	return b.String()
}
