package foreign

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"i2ptoolkit/pkg/forward/plan"
	"i2ptoolkit/pkg/options"
)

// Tunnel is what became of one tunnel of another router.
type Tunnel struct {
	Name string // as its file has it
	File string
	Line int

	// Plans are what it is here: mostly one, and none where it was left out.
	Plans []plan.Plan
	Why   string // it was left out
	// KeyFile is where the other router has the private keys, by its own directory; empty: nowhere.
	// Plans have the name KeyName for it.
	KeyFile, KeyName string
	// Left are its keys that have no counterpart.
	Left []Left
}

// Left is a key without a counterpart.
type Left struct {
	Key  string
	Line int
	Why  string
	Moot bool // nothing is missing without it
}

// Read makes plans of a configuration. An error names the file, and its line; nothing is taken then.
func Read(format Format, files ...File) ([]Tunnel, error) {
	var all []section
	for _, f := range files {
		more, err := sections(format, f)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name, err)
		}
		all = append(all, more...)
	}
	if len(all) > maxTunnels {
		return nil, fmt.Errorf("more than %d tunnels", maxTunnels)
	}
	n := names{given: make(map[string]bool), keys: make(map[string]string)}
	var out []Tunnel
	for i := range all {
		r := &reading{section: &all[i], taken: make([]bool, len(all[i].keys)), names: &n, options: make(map[string]string)}
		r.tunnel = Tunnel{Name: r.name, File: r.file, Line: r.line}
		r.plan.Name = n.forForward(r.name)
		if format == I2PD {
			r.fromI2PD()
		} else {
			r.fromJava()
		}
		out = append(out, r.finish())
	}
	return out, nil
}

// names are those that were given, of forwards and of key files.
type names struct {
	given  map[string]bool   // to forwards, and to key files
	keys   map[string]string // by the file of the other router
	served map[string]bool   // key files with a server
}

// forForward makes a name of a tunnel's, that no other has.
func (n *names) forForward(name string) string { return n.another(fit(name, "tunnel")) }

func (n *names) another(name string) string {
	unique := name
	for i := 2; n.given[unique]; i++ {
		tail := "-" + strconv.Itoa(i)
		unique = strings.TrimRight(name[:min(len(name), maxName-len(tail))], ".") + tail
	}
	n.given[unique] = true
	return unique
}

// forKey names a key file, the same one each time.
func (n *names) forKey(file string) string {
	if n.keys[file] == "" {
		n.keys[file] = n.another(fit(path.Base(strings.ReplaceAll(file, `\`, "/")), "key.dat"))
	}
	return n.keys[file]
}

// serves tells whether a key file has a server already, and notes that it has.
func (n *names) serves(file string) bool {
	if n.served == nil {
		n.served = make(map[string]bool)
	}
	before := n.served[file]
	n.served[file] = true
	return before
}

const maxName = 64

// fit makes a name that plan.CheckName takes.
func fit(name, otherwise string) string {
	name = strings.Map(func(c rune) rune {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '.', c == '_', c == '-':
			return c
		}
		return '-'
	}, name)
	name = strings.TrimLeft(name, "-._")
	name = strings.TrimRight(name[:min(len(name), maxName)], "-.")
	if plan.CheckName(name) != nil {
		return otherwise
	}
	return name
}

// reading is the making of one plan, or several.
type reading struct {
	*section
	taken   []bool // the keys
	names   *names
	plan    plan.Plan
	more    []plan.Plan // on the same destination
	options map[string]string
	asked   map[string]string // the keys that ask for them
	tunnel  Tunnel
}

// text takes a key's value.
func (r *reading) text(name string) string {
	i := r.find(name)
	if i < 0 {
		return ""
	}
	r.taken[i] = true
	return r.keys[i].value
}

func (r *reading) has(name string) bool { return r.find(name) >= 0 }

// yes takes a key that is true or false, or has nothing that is either.
func (r *reading) yes(name string) bool {
	value := strings.ToLower(r.text(name))
	return value == "true" || value == "1"
}

// number takes a key that is a number of at least 0; what is none is left.
func (r *reading) number(name string) int {
	text := r.text(name)
	if text == "" {
		return 0
	}
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil || n < 0 {
		r.leave(name, "it is no number")
		return 0
	}
	return int(n)
}

// leave notes a key that has no counterpart.
func (r *reading) leave(name, why string) { r.note(name, why, false) }

// pass notes a key that nothing is missing without.
func (r *reading) pass(name, why string) { r.note(name, why, true) }

func (r *reading) note(name, why string, moot bool) {
	i := r.find(name)
	if i < 0 {
		return
	}
	r.taken[i] = true
	r.tunnel.Left = append(r.tunnel.Left, Left{Key: name, Line: r.keys[i].line, Why: why, Moot: moot})
}

// leaveSet notes a key where it asks for something.
func (r *reading) leaveSet(name, why string) {
	if r.yes(name) {
		r.leave(name, why)
	} else {
		r.pass(name, "it asks for what is so anyway")
	}
}

// skip leaves the tunnel out.
func (r *reading) skip(format string, args ...any) {
	if r.tunnel.Why == "" {
		r.tunnel.Why = fmt.Sprintf(format, args...)
	}
}

// list takes several values, with commas or spaces between.
func (r *reading) list(name string) []string {
	return strings.FieldsFunc(r.text(name), func(c rune) bool { return c == ',' || c == ' ' || c == ';' || c == '\t' })
}

// key gives the plan the key file that the other router has at a place.
func (r *reading) key(file string) {
	r.tunnel.KeyFile, r.tunnel.KeyName = file, r.names.forKey(file)
	r.plan.Key = r.tunnel.KeyName
}

// finish takes the options, looks at what is left, and checks the plans.
func (r *reading) finish() Tunnel {
	r.takeOptions()
	for i, k := range r.keys {
		if !r.taken[i] && r.tunnel.Why == "" {
			r.leave(k.name, "it is not known")
		}
	}
	slices.SortStableFunc(r.tunnel.Left, func(a, b Left) int { return a.Line - b.Line })
	if r.tunnel.Why != "" {
		return r.tunnel
	}
	if len(r.options) > 0 {
		r.plan.Options = r.options
	}
	for i := range r.more {
		r.more[i].Options = r.plan.Options
		r.more[i].Stopped = r.more[i].Stopped || r.plan.Stopped
	}
	for _, p := range append([]plan.Plan{r.plan}, r.more...) {
		if err := p.Check(); err != nil {
			r.tunnel.Why, r.tunnel.Plans = strings.TrimPrefix(err.Error(), p.Name+": "), nil
			return r.tunnel
		}
		r.tunnel.Plans = append(r.tunnel.Plans, p)
	}
	return r.tunnel
}

// option gives an option what a key says.
func (r *reading) option(name, value, key string) {
	if r.asked == nil {
		r.asked = make(map[string]string)
	}
	r.options[name], r.asked[name] = value, key
}

// takeOptions leaves those that this router does not obey. Removing one may make another valid or
// not: so it looks until nothing is wrong.
func (r *reading) takeOptions() {
	r.takeEncryption()
	for {
		_, problems := options.Parse(options.Default(), r.options)
		if len(problems) == 0 {
			return
		}
		removed := false
		for _, p := range problems {
			if _, has := r.options[p.Name]; !has {
				continue
			}
			delete(r.options, p.Name)
			removed = true
			why := p.Text
			if p.Kind == options.Unknown {
				why = "there is no such option"
			}
			r.note(r.asked[p.Name], why, p.Kind == options.Moot)
		}
		if !removed { // of none in particular
			clear(r.options)
			r.skip("%v", problems)
			return
		}
	}
}

// takeEncryption takes of a list of encryption types those that are spoken.
func (r *reading) takeEncryption() {
	const name = "i2cp.leaseSetEncType"
	value, has := r.options[name]
	if !has {
		return
	}
	var spoken []string
	for part := range strings.SplitSeq(value, ",") {
		part = strings.TrimSpace(part)
		_, problems := options.Parse(options.Default(), map[string]string{name: strings.Join(append(spoken, part), ",")})
		if len(problems) > 0 {
			r.leave(r.asked[name], part+" of it: "+problems[0].Text)
			continue
		}
		spoken = append(spoken, part)
	}
	r.options[name] = strings.Join(spoken, ",")
	if len(spoken) == 0 {
		delete(r.options, name)
	}
}

// endpoint is an address with its port.
func endpoint(address, port string) string {
	if strings.Contains(address, ":") && !strings.HasPrefix(address, "[") {
		address = "[" + address + "]"
	}
	return address + ":" + port
}
