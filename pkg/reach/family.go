package reach

import (
	"net/netip"
	"slices"
	"time"

	"i2ptoolkit/pkg/draw"
)

// How it is found out. A test has 20 s to end; in most cases it takes a round trip or two,
// and three seconds more where nothing gets through.
const (
	quorum      = 2                // networks that agree
	keepResults = 8                // the newest
	resultLife  = time.Hour        // that tell of the present
	silentFor   = time.Minute      // without anything from anybody: disconnected
	testAtOnce  = time.Second      // between the beginnings of the first tests
	testQuickly = 4 * time.Second  // the same while nothing is decided
	testSlowly  = 20 * time.Second // the same where tests have come to nothing again and again
	firstTests  = 3
	quickTests  = 10
	testAgain   = 12 * time.Minute // where all is clear; a quarter more or less
	testSoon    = 15 * time.Second // where something contradicts what was clear
	underway    = 2                // tests at a time
)

// Verdict is what one test has come to.
type Verdict byte

// The verdicts.
const (
	Nothing   Verdict = iota // it says nothing: a peer was gone, or refused
	Reached                  // a stranger's message came through
	Blocked                  // it did not, and he sees us where we thought
	OtherPort                // it did not, and he sees us at another port
)

// Outcome is a test that has ended.
type Outcome struct {
	Verdict      Verdict
	Bob, Charlie netip.Addr
	Seen         netip.AddrPort // where Charlie saw us; invalid where he did not say
}

// result is an outcome, or a session that a stranger has opened.
type result struct {
	verdict      Verdict
	bob, charlie network // the same where somebody came
	came         bool
	at           time.Time
}

// alike reports whether two results say the same.
func (r result) alike(o result) bool { return (r.verdict == Reached) == (o.verdict == Reached) }

// apart reports whether no network has a part in both results: two of one owner would be Bob and Charlie in turns.
func (r result) apart(o result) bool {
	return r.bob != o.bob && r.charlie != o.charlie && r.bob != o.charlie && r.charlie != o.bob
}

// Family is what is known of one family. One goroutine owns it.
type Family struct {
	v4         bool
	random     *draw.Source
	local      bool
	begun      time.Time
	heard      time.Time
	words      words
	results    []result // the newest last
	state      State    // as the results have it
	why        Reason
	since      time.Time
	running    int
	nextTest   time.Time
	begunTests int // tests since the state was last clear
}

// New begins with nothing.
func New(v4 bool, now time.Time, random *draw.Source) *Family {
	return &Family{v4: v4, random: random, local: true, begun: now, heard: now, since: now, nextTest: now}
}

// Status is what it has come to.
type Status struct {
	V4      bool
	State   State
	Why     Reason
	Since   time.Time
	Address netip.AddrPort // where others see us; invalid where not enough agree. The port is 0 where each sees another.
}

// Status tells it.
func (f *Family) Status(now time.Time) Status {
	s := Status{V4: f.v4, State: f.state, Why: f.why, Since: f.since, Address: f.Address(now)}
	switch {
	case !f.local:
		s.State, s.Why, s.Address = NoAddress, NoSocket, netip.AddrPort{}
	case now.Sub(f.heard) >= silentFor:
		s.State, s.Why, s.Since = Disconnected, Silence, f.heard
	}
	return s
}

// Local tells whether the machine has an address of the family from which others can be
// reached, and that it may be another than before.
func (f *Family) Local(now time.Time, has, changed bool) {
	f.local = has
	if changed {
		f.forget(now)
	}
}

// forget begins anew: what was said and tested was of another address.
func (f *Family) forget(now time.Time) {
	f.results, f.words = nil, words{}
	f.begunTests, f.nextTest = 0, now
	f.become(now, Unknown, Untested)
}

// Heard notes that a peer has been heard over the family.
func (f *Family) Heard(now time.Time) { f.heard = now }

// Said takes where a peer sees us. It reports whether our address is another one now.
func (f *Family) Said(now time.Time, by netip.Addr, seen netip.AddrPort) (moved bool) {
	if by.Unmap().Is4() != f.v4 || seen.Addr().Is4() != f.v4 || seen.Port() == 0 {
		return false
	}
	before := f.words.agreed
	if f.learn(now, networkOf(by), seen) {
		return true
	}
	f.decide(now)
	return before != f.words.agreed
}

// learn notes a word. It reports whether our address is another than before, and all begins anew.
func (f *Family) learn(now time.Time, by network, seen netip.AddrPort) bool {
	before := f.words.agreed
	f.words.add(now, by, seen)
	after := f.words.agree(now)
	if !before.IsValid() || !after.IsValid() || before == after {
		return false
	}
	said := f.words
	f.forget(now)
	f.words = said
	f.words.drop(before)
	return true
}

// Came notes a session that was opened from there, by somebody whom we had not sent anything
// before.
func (f *Family) Came(now time.Time, from netip.Addr) {
	n := networkOf(from)
	f.results = slices.DeleteFunc(f.results, func(r result) bool { return r.came && r.bob == n })
	f.add(now, result{verdict: Reached, bob: n, charlie: n, came: true, at: now})
}

// Begun notes that a test has begun.
func (f *Family) Begun(now time.Time) {
	f.running++
	f.begunTests++
	pause := testQuickly
	switch {
	case f.begunTests <= firstTests:
		pause = testAtOnce
	case f.begunTests > quickTests:
		pause = testSlowly
	}
	f.nextTest = now.Add(pause)
}

// Tested takes the outcome of a test that has begun.
func (f *Family) Tested(now time.Time, o Outcome) {
	f.running = max(0, f.running-1)
	bob, charlie := networkOf(o.Bob), networkOf(o.Charlie)
	if o.Seen.IsValid() && o.Seen.Addr().Is4() == f.v4 && o.Seen.Port() != 0 && f.learn(now, charlie, o.Seen) {
		return // the test was of the address before
	}
	if o.Verdict == Nothing || bob == charlie { // one owner says both that he was asked and what came of it
		if f.settled() {
			f.nextTest = now.Add(testSoon)
		}
		return
	}
	f.add(now, result{verdict: o.Verdict, bob: bob, charlie: charlie, at: now})
}

func (f *Family) add(now time.Time, r result) {
	f.results = append(f.results, r)
	if len(f.results) > keepResults {
		f.results = slices.Delete(f.results, 0, 1)
	}
	f.decide(now)
}

// decide finds the newest two results that agree, with none between them or after them that speaks against
// them: who has a part in one test of many contradicts what is clear now and then, and no more.
func (f *Family) decide(now time.Time) {
	f.results = slices.DeleteFunc(f.results, func(r result) bool { return now.Sub(r.at) > resultLife })
	if len(f.results) == 0 {
		return
	}
	last := f.results[len(f.results)-1]
	for _, r := range slices.Backward(f.results[:len(f.results)-1]) {
		if !r.alike(last) {
			break
		}
		if !r.apart(last) {
			continue
		}
		state, why := OK, TestsReached
		switch {
		case last.verdict == Reached && last.came && r.came:
			why = PeersCame
		case last.verdict == Reached:
		case f.words.differ(now) || last.verdict == OtherPort && r.verdict == OtherPort:
			state, why = SymmetricNAT, PortsDiffer
		default:
			state, why = Firewalled, TestsBlocked
		}
		f.become(now, state, why)
		f.begunTests = 0
		f.nextTest = now.Add(f.random.Between(testAgain*3/4, testAgain*5/4))
		return
	}
	if f.settled() {
		if (last.verdict == Reached) != (f.state == OK) && f.nextTest.Sub(now) > testSoon {
			f.nextTest = now.Add(testSoon) // it contradicts what was clear
		}
		return
	}
	f.become(now, Unknown, Undecided)
}

func (f *Family) settled() bool { return f.state != Unknown }

func (f *Family) become(now time.Time, s State, why Reason) {
	if s != f.state {
		f.since = now
	}
	f.state, f.why = s, why
}

// Due reports whether a test is to begin.
func (f *Family) Due(now time.Time) bool {
	return f.local && f.running < underway && !now.Before(f.nextTest)
}

// Fits reports whether a test by this Bob would be another voice than those heard last.
func (f *Family) Fits(bob netip.Addr) bool {
	n := networkOf(bob)
	return len(f.results) == 0 || f.results[len(f.results)-1].bob != n
}

// Deadline is when something changes by itself; it is looked at often enough otherwise.
func (f *Family) Deadline() time.Time { return f.nextTest }

// Address is where others see us, by the word of several networks. The port is 0 where each
// sees another.
func (f *Family) Address(now time.Time) netip.AddrPort {
	a := f.words.agree(now)
	if !a.IsValid() {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(a, f.words.port(now))
}

// Guess is Address, or the last word of anybody where not enough agree: good enough to be tested.
func (f *Family) Guess(now time.Time) netip.AddrPort {
	if a := f.words.agree(now); a.IsValid() {
		return f.words.newest(a)
	}
	return f.words.newest(netip.Addr{})
}
