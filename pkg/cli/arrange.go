package cli

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	urfave "github.com/urfave/cli/v2"

	"i2ptoolkit/pkg/i2p"
)

// arrangement is a command line in the order that urfave/cli understands: verbs, flags,
// "--", positionals.
type arrangement struct {
	args    []string
	flags   []string // the first names of those that were given
	version bool     // --version was among the flags
}

// typedFlag is a flag as it stood on the command line.
type typedFlag struct {
	typed    string // "--output", "-o": what an error calls it
	value    string
	hasValue bool
}

func (g typedFlag) name() string { return strings.TrimLeft(g.typed, "-") }

// arrange sorts a command line, since urfave/cli ignores flags after the first positional,
// and checks its flags. All of them go to the last verb; what a verb does not know is that
// verb's usage error.
func (p Program) arrange(app *urfave.App, args []string) (arrangement, error) {
	l := line{verbs: app.Commands, known: make(map[string]Flag)}
	l.learnAll(app.Commands)
	l.learn(app.Flags)
	l.read(args)
	if len(l.path) == 0 && p.Default != "" && len(l.positions) == 0 && !l.helps {
		l.enter(find(app.Commands, p.Default))
	}
	out := arrangement{version: l.asksVersion}
	help := strings.Join(append([]string{p.Name}, l.path...), " ")
	flags, misses := app.Flags, len(l.path) == 0 && p.Action == nil
	if l.verb != nil {
		flags, misses = l.verb.Flags, len(l.verb.Subcommands) > 0
	}
	if misses { // a verb, and whose flags these are is anyone's guess; unless they are nobody's
		flags = nil
		switch {
		case l.helps && len(l.positions) == 0:
			l.flags = []typedFlag{{typed: "--help"}}
		case len(l.positions) == 0:
			l.flags = slices.DeleteFunc(l.flags, func(g typedFlag) bool { return l.known[g.name()] != nil })
		default:
			l.flags = nil
		}
	}
	if l.helps && !misses { // urfave/cli takes what stands beside --help for topics
		l.positions = nil
	}
	checked, names, err := checkFlags(flags, l.flags)
	if err != nil && !out.version {
		return out, WithHint(&Failure{Status: StatusUsage, Err: err}, "see %s --help", help)
	}
	out.flags = names
	out.args = append(append(append(l.path, checked...), "--"), l.positions...)
	return out, nil
}

// line is a command line that is being read.
type line struct {
	path, positions []string
	flags           []typedFlag
	verb            *Command   // the last of path
	verbs           []*Command // that may follow
	known           map[string]Flag
	flagIsLast      bool // of all arguments, the last was one
	helps           bool
	asksVersion     bool
}

// learnAll notes the flags of all verbs: until the verb is known, all flags count.
func (l *line) learnAll(commands []*Command) {
	for _, c := range commands {
		l.learn(c.Flags)
		l.learnAll(c.Subcommands)
	}
}

func (l *line) learn(flags []Flag) { register(l.known, flags) }

// register notes flags, and the help that each verb has, under their names.
func register(known map[string]Flag, flags []Flag) {
	note := func(f Flag) {
		for _, n := range f.Names() {
			known[n] = f
		}
	}
	for _, f := range flags {
		note(f)
	}
	note(urfave.HelpFlag)
}

func (l *line) enter(verb *Command) {
	l.path, l.verb, l.verbs = append(l.path, verb.Name), verb, verb.Subcommands
	l.learn(verb.Flags)
}

func (l *line) read(args []string) {
	for i := 0; i < len(args); i++ {
		a := args[i]
		l.flagIsLast = false
		if a == "--" {
			l.positions = append(l.positions, args[i+1:]...)
			return
		}
		if a == "-" || !strings.HasPrefix(a, "-") || isKey(a) {
			if sub := find(l.verbs, a); sub != nil && len(l.positions) == 0 {
				l.enter(sub)
			} else {
				l.positions = append(l.positions, a)
			}
			continue
		}
		flags := l.split(a)
		last := &flags[len(flags)-1]
		f, known := l.known[last.name()]
		if known && takesValue(f) && !last.hasValue && i+1 < len(args) && !l.isFlag(args[i+1]) {
			i++
			last.value, last.hasValue = args[i], true
		}
		for _, g := range flags {
			f := l.known[g.name()]
			l.asksVersion = l.asksVersion || g.name() == "version" && !g.hasValue && (f == nil || !takesValue(f))
			l.helps = l.helps || f == urfave.HelpFlag
		}
		l.flags, l.flagIsLast = append(l.flags, flags...), true
	}
}

// isKey tells a hash or a destination in I2P's base64, which may begin with "-". No flag that has a
// meaning looks like the former, which ends in "=", nor is as long as the latter.
func isKey(a string) bool {
	n, err := i2p.ParseName(a)
	return err == nil && (n.Kind == i2p.NameDestination || n.Kind == i2p.NameHash && strings.Contains(a, "="))
}

// isFlag tells whether an argument is one of the program's flags, or "--", and so no value
// of the flag before it: that one's value was forgotten. As --flag=VALUE it would be one.
func (l *line) isFlag(a string) bool {
	if !strings.HasPrefix(a, "-") || a == "-" || isKey(a) {
		return false
	}
	name, _, _ := strings.Cut(strings.TrimLeft(a, "-"), "=")
	_, known := l.known[name]
	return a == "--" || known
}

// split takes "-qv" and "-n8" apart. A flag that nobody knows stays whole.
func (l *line) split(a string) []typedFlag {
	typed, value, hasValue := strings.Cut(a, "=")
	whole := []typedFlag{{typed, value, hasValue}}
	name := strings.TrimLeft(typed, "-")
	if _, known := l.known[name]; known || strings.HasPrefix(a, "--") {
		return whole
	}
	var flags []typedFlag
	letters := strings.TrimLeft(a, "-")
	for i, letter := range letters {
		f, known := l.known[string(letter)]
		if !known {
			return whole
		}
		g := typedFlag{typed: "-" + string(letter)}
		rest := letters[i+len(string(letter)):]
		switch {
		case takesValue(f) && rest != "":
			g.value, g.hasValue = strings.TrimPrefix(rest, "="), true
		case strings.HasPrefix(rest, "="):
			g.value, g.hasValue = rest[1:], true
		}
		flags = append(flags, g)
		if g.hasValue {
			break
		}
	}
	return flags
}

// checkFlags tells what is wrong with the flags of a verb, and writes them for urfave/cli,
// each under its first name; names are those alone.
func checkFlags(flags []Flag, all []typedFlag) (out, names []string, err error) {
	known := make(map[string]Flag)
	register(known, flags)
	for _, g := range all {
		f, ok := known[g.name()]
		if !ok {
			return nil, nil, fmt.Errorf("unknown option %s", g.typed)
		}
		value, err := checkFlag(f, g)
		if err != nil {
			return nil, nil, fmt.Errorf("%s%w", g.typed, err)
		}
		names = append(names, f.Names()[0])
		out = append(out, "--"+f.Names()[0]+value)
	}
	return out, names, nil
}

// checkFlag returns what follows a flag's name; its error does so too.
func checkFlag(f Flag, g typedFlag) (string, error) {
	switch {
	case !takesValue(f) && !g.hasValue:
		return "", nil
	case !takesValue(f):
		if _, err := strconv.ParseBool(g.value); err != nil {
			return "", errors.New(" takes no value")
		}
	case !g.hasValue || g.value == "":
		return "", errors.New(" needs a value")
	}
	if c, ok := f.(checked); ok {
		value, err := c.checked().read(g.value)
		if err != nil {
			return "", fmt.Errorf(" %w", err)
		}
		return "=" + value, nil
	}
	return "=" + g.value, nil
}

func isRange(err error) bool { return errors.Is(err, strconv.ErrRange) }

func find(commands []*Command, name string) *Command {
	for _, c := range commands {
		if c.HasName(name) {
			return c
		}
	}
	return nil
}

// givenFlags is where a context keeps the names of the flags on the command line.
type givenFlags struct{}

// given tells whether a flag stood on the command line: urfave/cli's IsSet counts the environment.
func given(c *Context, name string) bool {
	names, _ := c.Context.Value(givenFlags{}).([]string)
	return slices.Contains(names, name)
}
