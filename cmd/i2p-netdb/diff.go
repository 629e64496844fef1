package main

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"i2ptoolkit/pkg/cli"
	"i2ptoolkit/pkg/cli/record"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/routerinfo"
)

func diffCommand() *cli.Command {
	return &cli.Command{
		Name:      "diff",
		Usage:     "compare two sets of RouterInfos",
		ArgsUsage: "OLD [NEW]",
		Description: "OLD and NEW are files, directories, zips or -, as list takes them; NEW may be left out for what the running\n" +
			"router knows. A line that begins with + is a router that NEW has and OLD has not, with - the other way round,\n" +
			"and with ~ one that says something else of itself. One that was only published again, with other introducers\n" +
			"or statistics, is not listed, but with --all. The status is 1 where the sets differ.",
		Flags: append(filterFlags(), cli.RouterFlags(
			&cli.BoolFlag{Name: "all", Usage: "list those that were only published again, too"}, cli.JSONFlag())...),
		Action: func(c *cli.Context) error {
			args := c.Args().Slice()
			wanted, err := filters(c, time.Now())
			if err != nil {
				return err
			}
			before, err := setOf(c, args[:1], wanted)
			if err != nil {
				return err
			}
			after, err := setOf(c, args[1:], wanted)
			if err != nil {
				return err
			}
			d := &differ{c: c}
			if err := d.compare(before, after); err != nil {
				return err
			}
			cli.Notef(c, "%d new, %d gone, %d changed, %d only published again, %d the same", d.new, d.gone, d.changed, d.again, d.same)
			if d.new+d.gone+d.changed > 0 {
				return cli.Silent(1)
			}
			return nil
		},
	}
}

// setOf reads routers by their hashes; of several RouterInfos of one router the newest stays.
func setOf(c *cli.Context, paths []string, wanted func(*routerinfo.RouterInfo) bool) (map[i2p.Hash]*routerinfo.RouterInfo, error) {
	set := make(map[i2p.Hash]*routerinfo.RouterInfo)
	err := routers(c.Context, c, paths, func(ri *routerinfo.RouterInfo) {
		h := ri.Hash()
		if had := set[h]; wanted(ri) && (had == nil || had.Published() < ri.Published()) {
			set[h] = ri
		}
	})
	return set, err
}

// routers reads from paths, or without any what the running router knows.
func routers(ctx context.Context, c *cli.Context, paths []string, take func(*routerinfo.RouterInfo)) error {
	if len(paths) == 0 {
		return fromRouter(ctx, c, take)
	}
	return fromPaths(ctx, c, paths, take)
}

// The ways in which a router may differ.
const (
	opNew       = "new"
	opGone      = "gone"
	opChanged   = "changed"
	opPublished = "published"
)

// difference is one router that differs, as JSON.
type difference struct {
	Time    *time.Time        `json:"time,omitempty"` // when watch saw it
	Op      string            `json:"op"`
	Hash    string            `json:"hash"`
	Changes map[string]change `json:"changes,omitempty"`
	Old     *record.Router    `json:"old,omitempty"`
	New     *record.Router    `json:"new,omitempty"`
}

// change is what a router says of itself, before and now.
type change struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// differ prints differences, and counts them.
type differ struct {
	c                               *cli.Context
	at                              time.Time // of a look; zero: there is only one
	new, gone, changed, again, same int
}

// compare goes through both sets in the order of the hashes.
func (d *differ) compare(before, after map[i2p.Hash]*routerinfo.RouterInfo) error {
	all := maps.Clone(before)
	maps.Copy(all, after)
	for _, h := range slices.SortedFunc(maps.Keys(all), byHash) {
		if err := d.router(before[h], after[h]); err != nil {
			return err
		}
	}
	return nil
}

func (d *differ) router(before, after *routerinfo.RouterInfo) error {
	switch {
	case before == nil:
		d.new++
		r := record.OfRouter(after, false)
		return d.print(difference{Op: opNew, Hash: r.Hash, New: &r})
	case after == nil:
		d.gone++
		r := record.OfRouter(before, false)
		return d.print(difference{Op: opGone, Hash: r.Hash, Old: &r})
	}
	was, is := record.OfRouter(before, false), record.OfRouter(after, false)
	changes := changesOf(before, after)
	switch {
	case len(changes) > 0:
		d.changed++
		return d.print(difference{Op: opChanged, Hash: is.Hash, Changes: changes, Old: &was, New: &is})
	case before.Published() == after.Published():
		d.same++
		return nil
	}
	d.again++
	if !d.c.Bool("all") {
		return nil
	}
	stamp := func(r record.Router) string { return r.Published.UTC().Format(time.RFC3339) }
	return d.print(difference{Op: opPublished, Hash: is.Hash, Changes: map[string]change{"published": {stamp(was), stamp(is)}}, Old: &was, New: &is})
}

// changesOf are the fields in which two RouterInfos of a router differ, but for what each one has anew.
func changesOf(before, after *routerinfo.RouterInfo) map[string]change {
	changes := make(map[string]change)
	note := func(name, from, to string) {
		if from != to {
			changes[name] = change{from, to}
		}
	}
	was, is := options(before.Options()), options(after.Options())
	for name := range was {
		note(name, was[name], is[name])
	}
	for name := range is {
		note(name, was[name], is[name])
	}
	note("addresses", addressText(before), addressText(after))
	return changes
}

// options are those that last: introducers, and what is counted, differ in each RouterInfo.
func options(m i2p.Mapping) map[string]string {
	out := make(map[string]string)
	for _, p := range m {
		if !passing.MatchString(p.Key) {
			out[p.Key] = p.Value
		}
	}
	return out
}

var passing = regexp.MustCompile(`^((ih|itag|iexp)[0-9]+|stat_.*|netdb\..*)$`)

// addressText has the addresses as text, whatever their order.
func addressText(ri *routerinfo.RouterInfo) string {
	var all []string
	for _, a := range ri.Addresses() {
		text := fmt.Sprintf("%s cost %d", a.Style, a.Cost)
		fields := options(a.Options)
		for _, name := range slices.Sorted(maps.Keys(fields)) {
			text += fmt.Sprintf(" %s=%s", name, fields[name])
		}
		all = append(all, text)
	}
	slices.Sort(all)
	return strings.Join(all, "; ")
}

func (d *differ) print(x difference) error {
	var stamp string
	if !d.at.IsZero() {
		at := d.at.UTC().Truncate(time.Second)
		x.Time, stamp = &at, at.Format(time.RFC3339)+" "
	}
	if d.c.Bool("json") {
		return cli.PrintJSON(x)
	}
	switch x.Op {
	case opNew:
		return cli.Printf("%s+ %s", stamp, summary(x.New))
	case opGone:
		return cli.Printf("%s- %s", stamp, summary(x.Old))
	}
	var changes []string
	for _, name := range slices.Sorted(maps.Keys(x.Changes)) {
		ch := x.Changes[name]
		changes = append(changes, fmt.Sprintf("%s: %s -> %s", name, orNone(ch.From), orNone(ch.To)))
	}
	return cli.Printf("%s~ %s  %s", stamp, x.Hash, strings.Join(changes, ", "))
}

func summary(r *record.Router) string {
	return strings.TrimRight(fmt.Sprintf("%s  %-6s  %-7s  %s", r.Hash, r.Caps, r.Version, strings.Join(r.Endpoints(), ", ")), " ")
}

func orNone(text string) string {
	if text == "" {
		return "none"
	}
	return text
}
