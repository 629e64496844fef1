package cli

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"

	urfave "github.com/urfave/cli/v2"
)

// suggestVerb is how a shell's completion script asks the program what may follow:
//
//	i2p-x __complete -- WORD… CURRENT
//
// The first line of the answer is what else would do beside the lines below it: "files",
// "dirs" or "none". Those are words that begin as CURRENT does, each with what it means
// behind a tab. Of --flag=VALUE they are the values alone.
const suggestVerb = "__complete"

// suggestions are what may stand at one place of a command line.
type suggestions struct {
	paths string // "files", "dirs" or "none"
	words []suggestion
}

type suggestion struct{ word, what string }

// suggest answers a completion script.
func (p Program) suggest(w io.Writer, args []string) error {
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	if len(args) == 0 {
		args = []string{""}
	}
	s := p.suggestions(rejoin(args))
	out := bufio.NewWriter(w)
	fmt.Fprintln(out, s.paths)
	for _, word := range s.words {
		line := word.word
		if word.what != "" { // zsh would show the mark before it, and nothing behind
			line += "\t" + word.what
		}
		fmt.Fprintln(out, line)
	}
	return out.Flush()
}

// rejoin undoes what bash does to --flag=value: it makes three words of it.
func rejoin(words []string) []string {
	var out []string
	for i, w := range words {
		last := len(out) - 1
		switch {
		case w == "=" && last >= 0 && strings.HasPrefix(out[last], "--"):
			out[last] += "="
		case last >= 0 && i > 0 && words[i-1] == "=" && strings.HasSuffix(out[last], "="):
			out[last] += w
		default:
			out = append(out, w)
		}
	}
	return out
}

// suggestions tells what may stand in the place of the last word.
func (p Program) suggestions(words []string) suggestions {
	before, current := words[:len(words)-1], words[len(words)-1]
	app := p.App()
	l := line{verbs: app.Commands, known: make(map[string]Flag)}
	l.learnAll(app.Commands)
	l.learn(app.Flags)
	l.read(before)
	ended := slices.Contains(before, "--")
	if f := l.awaiting(); f != nil && !ended {
		return valuesOf(f, current).beginning(current)
	}
	if typed, value, isValue := strings.Cut(current, "="); isValue && strings.HasPrefix(typed, "-") && !ended {
		f := l.known[strings.TrimLeft(typed, "-")]
		if f == nil || !takesValue(f) {
			return suggestions{paths: "none"}
		}
		return valuesOf(f, value).beginning(value)
	}
	flags := l.flagsHere(app, p.Default)
	if strings.HasPrefix(current, "-") && !ended {
		return suggestions{paths: "none", words: l.flagWords(flags, false)}.beginning(current)
	}
	s := l.arguments(app, p)
	if s.paths == "none" && len(s.words) == 0 && current == "" && !ended {
		s.words = l.flagWords(flags, true)
	}
	return s.beginning(current)
}

// awaiting is the flag whose value comes next, if one does.
func (l *line) awaiting() Flag {
	if len(l.flags) == 0 || !l.flagIsLast {
		return nil
	}
	last := l.flags[len(l.flags)-1]
	if f := l.known[last.name()]; f != nil && takesValue(f) && !last.hasValue {
		return f
	}
	return nil
}

// flagsHere are the flags of the verb that was named, or of the one that is meant where
// none is.
func (l *line) flagsHere(app *urfave.App, standard string) []Flag {
	if l.verb != nil {
		return l.verb.Flags
	}
	flags := app.Flags
	if verb := find(app.Commands, standard); verb != nil {
		flags = verb.Flags
	}
	return flags
}

// flagWords are the flags that have not been given, or may be given again.
func (l *line) flagWords(flags []Flag, longOnly bool) []suggestion {
	var words []suggestion
	for _, f := range append(slices.Clone(flags), urfave.HelpFlag) {
		list, isList := f.(urfave.DocGenerationSliceFlag)
		given := slices.ContainsFunc(l.flags, func(g typedFlag) bool { return slices.Contains(f.Names(), g.name()) })
		if given && !(isList && list.IsSliceFlag()) {
			continue
		}
		for _, name := range f.Names() {
			if !longOnly || len(name) > 1 {
				words = append(words, suggestion{dashed(name), plainText(usage(f))})
			}
		}
	}
	return words
}

// arguments are the verbs that may follow, and what the verb's, or the program's, usage
// says of its arguments.
func (l *line) arguments(app *urfave.App, p Program) suggestions {
	s := suggestions{paths: "none"}
	if len(l.positions) == 0 {
		for _, c := range l.verbs {
			s.words = append(s.words, suggestion{c.Name, plainText(c.Usage)})
		}
	}
	usage := ""
	switch {
	case l.verb != nil && len(l.verb.Subcommands) == 0:
		usage = l.verb.ArgsUsage
	case l.verb == nil && p.Action != nil:
		usage = app.ArgsUsage
	}
	for name := range strings.SplitSeq(argument(usage, len(l.positions)), "|") {
		if name != "" && !strings.ContainsFunc(name, unicode.IsUpper) && name != "-" {
			s.words = append(s.words, suggestion{word: name})
		}
		s.takePaths(name)
	}
	return s
}

// argument is the i-th of a usage such as "NAME [FILE|-]…", without its marks; the last of
// them may stand for several.
func argument(usage string, i int) string {
	usage, _, _ = strings.Cut(usage, " | ")
	names := strings.Fields(usage)
	if len(names) == 0 {
		return ""
	}
	if last := len(names) - 1; i > last {
		if !strings.Contains(names[last], "…") {
			return ""
		}
		i = last
	}
	return strings.Trim(names[i], "[]…")
}

// takePaths notes that a placeholder stands for paths.
func (s *suggestions) takePaths(placeholder string) {
	switch placeholder {
	case "FILE", "ZIP", "PATH", "SOCKET", "ROUTER.INFO", "ROUTER.KEYS":
		s.paths = "files"
	case "DIR", "DIRECTORY":
		if s.paths == "none" {
			s.paths = "dirs"
		}
	}
}

// valuesOf are the values that a flag takes, as far as they can be told; of a list, those that
// are not in what is typed of it.
func valuesOf(f Flag, typed string) suggestions {
	s := suggestions{paths: "none"}
	before := ""
	if c, ok := f.(checked); ok && c.checked().commas {
		before = typed[:strings.LastIndexByte(typed, ',')+1]
	}
	for _, v := range Values(f) {
		if !slices.Contains(strings.Split(before, ","), v) {
			s.words = append(s.words, suggestion{word: before + v})
		}
	}
	s.takePaths(valueName(f))
	if text := usage(f); s.paths == "dirs" && (strings.Contains(text, "zip") || strings.Contains(text, "file")) {
		s.paths = "files" // a directory, or else one file
	}
	return s
}

// beginning leaves the words that begin as the current one does.
func (s suggestions) beginning(current string) suggestions {
	s.words = slices.DeleteFunc(s.words, func(w suggestion) bool { return !strings.HasPrefix(w.word, current) })
	return s
}

// dashed is a flag's name as it is typed.
func dashed(name string) string {
	if len(name) == 1 {
		return "-" + name
	}
	return "--" + name
}

// plainText is a usage text without its marks.
func plainText(usage string) string { return strings.ReplaceAll(usage, "`", "") }
