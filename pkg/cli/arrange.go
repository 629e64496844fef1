package cli

import (
	"strings"

	urfave "github.com/urfave/cli/v2"
)

// arrangement is a command line in the order that urfave/cli understands: verbs, flags,
// "--", positionals.
type arrangement struct {
	args    []string
	version bool // --version was among the flags
}

// arrange sorts a command line, since urfave/cli ignores flags after the first positional.
// All flags go to the last verb; what a verb does not know is that verb's usage error.
func arrange(app *urfave.App, standard string, args []string) arrangement {
	takesValue := make(map[string]bool)
	collectFlags(takesValue, app.Commands)
	addFlags(takesValue, app.Flags)
	var (
		out                    arrangement
		path, flags, positions []string
		verbs                  = app.Commands
	)
	for i := 0; i < len(args); i++ {
		a := args[i]
		if a == "--" {
			positions = append(positions, args[i+1:]...)
			break
		}
		if a == "-" || !strings.HasPrefix(a, "-") {
			if sub := find(verbs, a); sub != nil && len(positions) == 0 {
				path = append(path, sub.Name)
				verbs = sub.Subcommands
				addFlags(takesValue, sub.Flags)
			} else {
				positions = append(positions, a)
			}
			continue
		}
		split, needsNext := splitFlag(a, takesValue)
		flags = append(flags, split...)
		if needsNext && i+1 < len(args) {
			i++
			flags = append(flags, args[i])
		}
		out.version = out.version || !needsNext && (a == "--version" || a == "-version")
	}
	if len(path) == 0 && standard != "" && len(positions) == 0 && !asksHelp(flags) {
		path = []string{standard}
	}
	out.args = append(append(append(path, flags...), "--"), positions...)
	return out
}

// collectFlags notes which flags take a value, of all verbs: until the verb is known, all
// flags count.
func collectFlags(takesValue map[string]bool, commands []*Command) {
	for _, c := range commands {
		addFlags(takesValue, c.Flags)
		collectFlags(takesValue, c.Subcommands)
	}
}

func addFlags(takesValue map[string]bool, flags []Flag) {
	for _, f := range flags {
		doc, ok := f.(urfave.DocGenerationFlag)
		for _, name := range f.Names() {
			takesValue[name] = ok && doc.TakesValue()
		}
	}
}

// splitFlag takes "-qv" and "-n8" apart, and tells whether the next argument is the last
// flag's value. A flag that nobody knows stays whole.
func splitFlag(a string, takesValue map[string]bool) (flags []string, needsNext bool) {
	name := strings.TrimLeft(a, "-")
	if strings.Contains(name, "=") {
		return []string{a}, false
	}
	if takes, known := takesValue[name]; known || strings.HasPrefix(a, "--") {
		return []string{a}, takes
	}
	for i, letter := range name {
		takes, known := takesValue[string(letter)]
		if !known {
			return []string{a}, false
		}
		flags = append(flags, "-"+string(letter))
		if rest := name[i+len(string(letter)):]; takes {
			if rest == "" {
				return flags, true
			}
			return append(flags, rest), false
		}
	}
	return flags, false
}

func find(commands []*Command, name string) *Command {
	for _, c := range commands {
		if c.HasName(name) {
			return c
		}
	}
	return nil
}

func asksHelp(flags []string) bool {
	for _, f := range flags {
		if f == "-h" || f == "--help" || f == "-help" {
			return true
		}
	}
	return false
}
