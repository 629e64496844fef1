package plan

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
)

// Fault is what is wrong with one table of a file. It is of no matter for the others.
type Fault struct {
	Table string // empty: with what is in none
	Line  int
	Err   error // it names the table or the key
}

func (f Fault) Error() string { return fmt.Sprintf("line %d: %v", f.Line, f.Err) }

// Unwrap is why.
func (f Fault) Unwrap() error { return f.Err }

// Faults are those of a file, by the names of their tables.
type Faults []Fault

func (fs Faults) Error() string {
	var lines []string
	for _, f := range fs {
		lines = append(lines, f.Error())
	}
	return strings.Join(lines, "; ")
}

// Tables are the names of the tables.
func (fs Faults) Tables() (names []string) {
	for _, f := range fs {
		names = append(names, f.Table)
	}
	return names
}

// In says of each in which file it is.
func (fs Faults) In(file string) (errs []error) {
	for _, f := range fs {
		errs = append(errs, fmt.Errorf("%s: %w", file, f))
	}
	return errs
}

// Parse reads plans from TOML: a table for each, by its name. None hinders the others: it reads those that make
// sense, and tells of each table that makes none.
//
//	[web]
//	type = "httpserver"
//	targets = ["127.0.0.1:80"]
//
//	[proxy]
//	type = "http"
//	listen = "127.0.0.1:4444"
//	[proxy.options]
//	"inbound.length" = "2"
func Parse(text []byte) (plans []Plan, bad Faults) {
	if _, err := toml.Decode(string(text), new(map[string]any)); err == nil {
		plans, bad = tables(text, "")
	} else { // in some table; the toml package reads nothing of the others
		for _, name := range headed(text) {
			some, faults := tables(tableText(text, name, true), name)
			plans, bad = append(plans, some...), append(bad, faults...)
		}
	}
	slices.SortFunc(plans, func(p, q Plan) int { return strings.Compare(p.Name, q.Name) })
	slices.SortStableFunc(bad, func(a, b Fault) int { return strings.Compare(a.Table, b.Table) })
	for len(plans) > MaxPlans {
		p := plans[MaxPlans]
		bad = append(bad, Fault{p.Name, lineOf(text, toml.Key{p.Name}), fmt.Errorf("%s: it is one of more than %d forwards", p.Name, MaxPlans)})
		plans = slices.Delete(plans, MaxPlans, MaxPlans+1)
	}
	return plans, bad
}

// tables reads those of a text. Where that has a fault of form it is told of the table whose text it is.
func tables(text []byte, name string) (plans []Plan, bad Faults) {
	var values map[string]any
	var raw map[string]toml.Primitive
	meta, err := toml.Decode(string(text), &raw)
	if err == nil {
		_, err = toml.Decode(string(text), &values)
	}
	if err != nil {
		return nil, Faults{misformed(name, err)}
	}
	for _, name := range slices.Sorted(maps.Keys(raw)) {
		p, fault := table(text, meta, name, raw[name], values[name])
		if fault != nil {
			bad = append(bad, *fault)
			continue
		}
		plans = append(plans, p)
	}
	return plans, bad
}

// table reads one.
func table(text []byte, meta toml.MetaData, name string, raw toml.Primitive, value any) (p Plan, bad *Fault) {
	if key, why := mismatch(value, reflect.TypeFor[Plan](), toml.Key{name}); why != "" {
		return p, &Fault{name, lineOf(text, key), fmt.Errorf("%s: %s", key, why)}
	}
	if err := meta.PrimitiveDecode(raw, &p); err != nil {
		fault := misformed(name, err)
		return Plan{}, &fault
	}
	for _, key := range meta.Undecoded() {
		if key[0] == name {
			return Plan{}, &Fault{name, lineOf(text, key), fmt.Errorf("%s is no setting of a forward", key)}
		}
	}
	p.Name = name
	if err := p.Check(); err != nil {
		return Plan{}, &Fault{name, lineOf(text, toml.Key{name}), err}
	}
	return p, nil
}

// misformed is a fault that the toml package found.
func misformed(name string, err error) Fault {
	f := Fault{Table: name, Line: 1, Err: errors.New(strings.TrimPrefix(err.Error(), "toml: "))}
	var at toml.ParseError
	if errors.As(err, &at) {
		f.Line, f.Err = at.Position.Line, errors.New(strings.TrimPrefix(at.Message, "toml: "))
		if at.LastKey != "" {
			name = at.LastKey
		}
	}
	if name != "" {
		f.Err = fmt.Errorf("%s: %w", name, f.Err)
	}
	return f
}

// header is the line with which a table begins, or one within it.
var header = regexp.MustCompile(`^\s*\[+\s*(?:"([^"]*)"|'([^']*)'|([A-Za-z0-9_-]+))`)

// headed are the names of the tables that have lines of their own, in their order. What is before the first has
// the name "", where it says anything.
func headed(text []byte) (names []string) {
	name := ""
	for line := range strings.Lines(string(text)) {
		if m := header.FindStringSubmatch(line); m != nil {
			name = m[1] + m[2] + m[3]
		} else if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// tableText is the text of one table. With blanks, there are empty lines for all others, so that each has the
// number that it has.
func tableText(text []byte, name string, blanks bool) []byte {
	var out strings.Builder
	now := ""
	for line := range strings.Lines(string(text)) {
		if m := header.FindStringSubmatch(line); m != nil {
			now = m[1] + m[2] + m[3]
		}
		if now == name {
			out.WriteString(line)
		} else if blanks {
			out.WriteByte('\n')
		}
	}
	return []byte(out.String())
}

// Unread is the text of tables that could not be read, for who writes the others anew behind it: it is what their
// owner has to mend. It reports false where one has none that could be told from that of others.
func Unread(text []byte, names ...string) (b []byte, ok bool) {
	for _, name := range names {
		own := tableText(text, name, false)
		if len(own) == 0 {
			return nil, false
		}
		b = append(b, own...)
		if !strings.HasSuffix(string(own), "\n") {
			b = append(b, '\n')
		}
	}
	return b, true
}
