//go:build linux

package interop

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"i2ptoolkit/pkg/interop/wan"
)

// farRow is a case of TestBenchWAN.
type farRow struct {
	name    string
	hops    int
	lines   func(*wan.Settings) // of all hosts' up lines while it is measured
	ssu2    bool                // networks that speak SSU2 alone take part
	damages bool                // every round needs a network of its own, as an i2pd may have ended (5% loss ends some)
	figures []farFigure         // what measure gives
	measure func(context.Context, *farBench, *farGroup, farRow) ([]float64, error)
}

// farFigure is a line of the table.
type farFigure struct {
	title string
	kind  figureKind
}

type figureKind int

const (
	megabytes figureKind = iota // a second; not a number where the stream broke
	seconds                     // of a recovery; infinite where there was none
	times                       // so much longer
)

func farRows() []farRow {
	loss := func(s *wan.Settings) { s.Loss = 0.01 }
	bad := func(s *wan.Settings) { s.Loss, s.Reorder = 0.05, 0.25 }
	slow := func(s *wan.Settings) { s.Rate = 10e6 / 8 }
	deep := func(s *wan.Settings) { s.Rate, s.Queue = 10e6/8, 1<<20 }
	bulk := func(title string) []farFigure { return []farFigure{{title, megabytes}} }
	recovery := func(title string) []farFigure { return []farFigure{{title, seconds}} }
	return []farRow{
		{name: "bulk/1hop/after7", hops: 1, measure: farAfter(7), figures: bulk("10 MB after seven small round trips, 1 hop")},
		{name: "bulk/2hops/after7", hops: 2, measure: farAfter(7), figures: bulk("the same, 2 hops")},
		{name: "bulk/1hop/once", hops: 1, ssu2: true, measure: farAfter(0), figures: bulk("10 MB at once, 1 hop")},
		{name: "bulk/2hops/once", hops: 2, measure: farAfter(0), figures: bulk("the same, 2 hops")},
		{name: "loss/1hop", hops: 1, lines: loss, ssu2: true, measure: farAfter(0), figures: bulk("1% loss, 1 hop")},
		{name: "bad/1hop", hops: 1, lines: bad, damages: true, ssu2: true, measure: farAfter(0), figures: bulk("5% loss and 25% reordering, 1 hop")},
		{name: "rate/1hop", hops: 1, lines: slow, ssu2: true, measure: farBeside, figures: []farFigure{
			{"10 Mbit/s for each host, 1 hop", megabytes}, {"ping-pong beside it, against the idle one", times},
		}},
		{name: "deep/1hop", hops: 1, lines: deep, ssu2: true, measure: farBeside, figures: []farFigure{
			{"the same, where 1 MB waits", megabytes}, {"ping-pong beside it, against the idle one", times},
		}},
		{name: "partition", hops: 1, damages: true, measure: farPartition, figures: recovery("partition: from healing to the next byte")},
		{name: "losthop", hops: 1, damages: true, measure: farLostHop, figures: recovery("a hop's host gone: recovery")},
		{name: "rebind", hops: 1, damages: true, ssu2: true, measure: farRebind, figures: recovery("the sender's address changes: recovery")},
	}
}

// farBench is one run of the cases.
type farBench struct {
	farOptions
	t       *testing.T
	site    *farSite
	mu      sync.Mutex
	results map[string]map[string][][]float64 // of a row, of a kind: the figures of each round
}

// farOptions come from scripts/bench-wan.
type farOptions struct {
	rounds, copies, size int
	down                 bool // transfers go to the initiator of the stream
	rows, kinds          *regexp.Regexp
	partition, delay     time.Duration
}

func farOptionsOf(getenv func(string) string) (o farOptions, err error) {
	number := func(name string) (v float64) {
		v, e := strconv.ParseFloat(getenv("I2P_WAN_"+name), 64)
		err = errors.Join(err, e)
		return v
	}
	duration := func(name string) time.Duration {
		d, e := time.ParseDuration(getenv("I2P_WAN_" + name))
		err = errors.Join(err, e)
		return d
	}
	pattern := func(name string) *regexp.Regexp {
		r, e := regexp.Compile(getenv("I2P_WAN_" + name))
		err = errors.Join(err, e)
		return r
	}
	return farOptions{
		rounds: int(number("ROUNDS")), copies: int(number("COPIES")), size: int(number("MB") * 1e6), rows: pattern("ROWS"),
		down:  getenv("I2P_WAN_DOWN") != "",
		kinds: pattern("KINDS"), partition: duration("PARTITION"), delay: duration("DELAY"),
	}, err
}

// TestBenchWAN measures streams over a wide-area network: i2pd's, ours between
// i2pd's hops, and ours, each on hosts of their own, at the same time. Only scripts/bench-wan runs it.
func TestBenchWAN(t *testing.T) {
	if os.Getenv("I2P_WAN_ROUNDS") == "" {
		t.Skip("measures for minutes: use scripts/bench-wan")
	}
	if err := wan.Missing(); err != nil {
		t.Fatal(err)
	}
	o, err := farOptionsOf(os.Getenv)
	if err != nil {
		t.Fatal(err)
	}
	b := &farBench{farOptions: o, t: t, results: map[string]map[string][][]float64{}}
	var shared []farRow
	for _, row := range farRows() {
		if o.rows.MatchString(row.name) && !row.damages {
			shared = append(shared, row)
		}
	}
	if len(shared) > 0 {
		b.on(shared, func(ctx context.Context) {
			for round := range o.rounds {
				for _, row := range shared {
					b.row(ctx, row, round)
				}
			}
		})
	}
	for _, row := range farRows() {
		for round := range o.rounds {
			if o.rows.MatchString(row.name) && row.damages {
				b.on([]farRow{row}, func(ctx context.Context) { b.row(ctx, row, round) })
			}
		}
	}
	fmt.Print(b.table())
}

// on runs f while there is a network with the kinds that rows need.
func (b *farBench) on(rows []farRow, f func(context.Context)) {
	ctx := gate(b.t, 3*time.Hour)
	var kinds []string
	for _, k := range farKinds {
		wanted := func(r farRow) bool { return b.has(r, k.name) }
		if slices.ContainsFunc(rows, wanted) {
			kinds = append(kinds, k.name)
		}
	}
	site, err := newFarSite(ctx, b.delay, 1, b.copies, kinds)
	if err != nil {
		b.t.Error(err)
	} else {
		b.site = site
		f(ctx)
	}
	if site != nil {
		if err := site.close(); err != nil {
			b.t.Error(err)
		}
	}
}

// has says whether a kind of network takes part in a row.
func (b *farBench) has(row farRow, kind string) bool {
	return b.kinds.MatchString(kind) && (row.ssu2 || !strings.HasSuffix(kind, "ssu2"))
}

// row measures one row once, in all groups at the same time.
func (b *farBench) row(ctx context.Context, row farRow, round int) {
	b.site.lines(row.lines)
	b.site.wan.Late()
	var all sync.WaitGroup
	for _, g := range b.site.groups {
		if b.has(row, g.kind) {
			all.Go(func() { b.measure(ctx, row, round, g) })
		}
	}
	all.Wait()
	late := b.site.wan.Late()
	warning := ""
	if share := float64(late.Over5) / float64(max(1, late.Packets)); share > 0.01 {
		warning = " (THE MACHINE WAS TOO BUSY: measure again)"
	}
	b.t.Logf("%s, round %d: of %d packets %d were over 5 ms late, %d over 50 ms; %v in the mean, %v at most%s",
		row.name, round+1, late.Packets, late.Over5, late.Over50, late.Mean(), late.Max, warning)
	b.site.lines(nil)
}

// measure takes the figures of one group. What did not come to the point
// of measuring is tried once more.
func (b *farBench) measure(ctx context.Context, row farRow, round int, g *farGroup) {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Minute)
	defer cancel()
	where := fmt.Sprintf("%s, round %d, %s", row.name, round+1, g.kind)
	var v []float64
	for range 2 {
		var err error
		if v, err = row.measure(ctx, b, g, row); err != nil {
			b.t.Logf("%s: %v", where, err)
		}
		if len(v) > 0 {
			break
		}
	}
	if len(v) == 0 {
		b.t.Errorf("%s: no figure", where)
		return
	}
	b.t.Logf("%s: %.3f", where, v)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.results[row.name] == nil {
		b.results[row.name] = map[string][][]float64{}
	}
	b.results[row.name][g.kind] = append(b.results[row.name][g.kind], v)
}

// table is in Markdown: medians, with the ratio to i2pd, or the worst round and how many had no recovery.
func (b *farBench) table() string {
	var s strings.Builder
	fmt.Fprint(&s, "\n| |")
	for _, k := range farKinds {
		fmt.Fprintf(&s, " %s |", k.title)
	}
	fmt.Fprintf(&s, "\n|---|%s\n", strings.Repeat("---|", len(farKinds)))
	for _, row := range farRows() {
		results := b.results[row.name]
		if len(results) == 0 {
			continue
		}
		for i, f := range row.figures {
			fmt.Fprintf(&s, "| %s |", f.title)
			for _, k := range farKinds {
				var base []float64
				if k.base != "" {
					base = columnOf(results[k.base], i)
				}
				fmt.Fprintf(&s, " %s |", f.kind.cell(columnOf(results[k.name], i), base))
			}
			fmt.Fprintln(&s)
		}
	}
	return s.String()
}

func columnOf(rounds [][]float64, i int) (v []float64) {
	for _, r := range rounds {
		v = append(v, r[i])
	}
	return v
}

// cell shows what was measured, beside what i2pd had.
func (k figureKind) cell(v, base []float64) string {
	if len(v) == 0 {
		return ""
	}
	var s string
	whole, broke := k.whole(v)
	i2pd, _ := k.whole(base)
	switch m := Median(whole); {
	case len(whole) == 0:
		s = "none"
	case k == megabytes && len(i2pd) > 0:
		s = fmt.Sprintf("%.3f (%.2f)", m, m/Median(i2pd))
	case k == megabytes:
		s = fmt.Sprintf("%.3f", m)
	case k == times:
		s = fmt.Sprintf("%.2f", m)
	case k == seconds:
		s = fmt.Sprintf("%s, worst %s of %d", wait(m), wait(slices.Max(v)), len(v))
	}
	if broke > 0 {
		s += fmt.Sprintf(", %d of %d broke", broke, len(v))
	}
	return s
}

func wait(s float64) string {
	if math.IsInf(s, 0) {
		return "never"
	}
	return fmt.Sprintf("%.1f s", s)
}

// whole leaves out transfers that broke; what never recovered stays in, and takes for ever.
func (k figureKind) whole(v []float64) (whole []float64, broke int) {
	for _, x := range v {
		if math.IsInf(x, 0) || math.IsNaN(x) {
			broke++
		}
		if !math.IsNaN(x) {
			whole = append(whole, x)
		}
	}
	return whole, broke
}
