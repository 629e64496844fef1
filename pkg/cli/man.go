package cli

import (
	"regexp"
	"slices"
	"strings"

	urfave "github.com/urfave/cli/v2"
)

// Manual is what a program's manual page has beside what its definition says.
type Manual struct {
	Examples    []Example
	Files       []Entry
	Environment []Entry // beside what flags are set from
	Sections    []ManualSection
	SeeAlso     []string
}

// ManualSection is a section that only one page has.
type ManualSection struct {
	Title, Text string
	Entries     []Entry
}

// Example is what to type, and what for.
type Example struct {
	What  string
	Lines []string
}

// Entry is a term and what is said of it.
type Entry struct{ Term, Text string }

// Man is the program's man page, made from its definition.
func (p Program) Man() []byte {
	app := p.App()
	page := NewPage(p.Name, 1)
	page.Section("NAME")
	page.Name(p.Name, p.Usage)
	page.Section("SYNOPSIS")
	p.synopses(page, app)
	page.Section("DESCRIPTION")
	page.Text(app.Description)
	page.Paragraph("Options may stand before and after other arguments; -- ends them. A destination in base64 is none, nor is a hash with its =, though it begins with -. The result goes to stdout, everything else to stderr.")
	if p.Action != nil {
		page.Section("OPTIONS")
		flagItems(page, app.Flags)
		page.Item("-h, --help", helpText)
	}
	page.Section("COMMANDS")
	for _, c := range app.Commands {
		commandPart(page, p.Name, c)
	}
	if p.Action == nil {
		page.Section("COMMON OPTIONS")
		page.Text("Every command takes these:")
		flagItems(page, commonFlags(nil))
		page.Item("-h, --help", helpText)
		if others := claims(p.Name, app.Commands); len(others) > 0 {
			page.Paragraph("But " + strings.Join(others, ", and ") + ".")
		}
	}
	for _, s := range p.Manual.Sections {
		page.Section(s.Title)
		page.Text(s.Text)
		for _, e := range s.Entries {
			page.Item(e.Term, e.Text)
		}
	}
	page.Section("EXIT STATUS")
	for _, e := range exitStatuses() {
		page.Item(e.Term, e.Text)
	}
	page.Section("ENVIRONMENT")
	for _, e := range p.environment(app) {
		page.Item(e.Term, e.Text)
	}
	if files := p.files(app); len(files) > 0 {
		page.Section("FILES")
		for _, e := range files {
			page.Item(e.Term, e.Text)
		}
	}
	page.Section("EXAMPLES")
	for _, e := range p.Manual.Examples {
		page.Example(e.What, e.Lines...)
	}
	page.SeeAlso(append(siblings(p.Name), p.Manual.SeeAlso...)...)
	return page.Bytes()
}

const helpText = "print what there is, and exit"

// synopses are the ways to call the program, one for each verb.
func (p Program) synopses(page *Page, app *urfave.App) {
	if p.Action != nil {
		page.Synopsis(p.Name, "[OPTION…] "+p.ArgsUsage)
	}
	for _, c := range app.Commands {
		if c.Name == p.Default {
			page.Synopsis(p.Name, "["+c.Name+"] [OPTION…] "+c.ArgsUsage)
		} else {
			commandSynopses(page, p.Name, c)
		}
	}
}

func commandSynopses(page *Page, parent string, c *Command) {
	name := parent + " " + c.Name
	if len(c.Subcommands) == 0 {
		for _, args := range strings.Split(c.ArgsUsage, " | ") {
			page.Synopsis(name, "[OPTION…] "+args)
		}
	}
	for _, sub := range c.Subcommands {
		commandSynopses(page, name, sub)
	}
}

// commandPart is what the page says of one verb, and of those below it.
func commandPart(page *Page, parent string, c *Command) {
	name := parent + " " + c.Name
	if len(c.Subcommands) == 0 {
		page.Subsection(strings.TrimSpace(name + " [OPTION…] " + c.ArgsUsage))
	} else {
		page.Subsection(name)
	}
	page.Text(sentence(c.Usage))
	if c.Description != "" {
		page.Paragraph(c.Description)
	}
	if len(c.Subcommands) == 0 {
		flagItems(page, slices.DeleteFunc(slices.Clone(c.Flags), isCommon))
	}
	for _, sub := range c.Subcommands {
		commandPart(page, name, sub)
	}
}

// isCommon tells whether a flag is one that every verb has, and means the same.
func isCommon(f Flag) bool {
	return slices.ContainsFunc(commonFlags(nil), func(g Flag) bool { return usage(f) == usage(g) })
}

func flagItems(page *Page, flags []Flag) {
	for _, f := range flags {
		doc := f.(urfave.DocGenerationFlag)
		var names []string
		for _, n := range f.Names() {
			names = append(names, dashed(n))
		}
		slices.SortStableFunc(names, func(a, b string) int { return len(a) - len(b) })
		value := ""
		if doc.TakesValue() {
			value = valueName(f)
		}
		page.item(strings.Join(names, ", "), value, usage(f)+defaultText(doc))
	}
}

// defaultText says what holds without the flag, unless its usage does.
func defaultText(f urfave.DocGenerationFlag) string {
	text := strings.Trim(f.GetDefaultText(), `"`)
	if text == "" || text == "0s" || !f.TakesValue() || strings.Contains(f.GetUsage(), "(default") {
		return ""
	}
	return " (default: " + text + ")"
}

func usage(f Flag) string { return f.(urfave.DocGenerationFlag).GetUsage() }

// valueName is what stands for a flag's value in its usage.
func valueName(f Flag) string {
	if _, rest, found := strings.Cut(usage(f), "`"); found {
		name, _, _ := strings.Cut(rest, "`")
		return name
	}
	return "VALUE"
}

// claims say which commands give a common option's name another meaning.
func claims(parent string, commands []*Command) (all []string) {
	for _, c := range commands {
		name := parent + " " + c.Name
		for _, f := range commonFlags(nil) {
			for _, n := range f.Names() {
				own := slices.ContainsFunc(c.Flags, func(g Flag) bool { return slices.Contains(g.Names(), n) && !isCommon(g) })
				if own {
					all = append(all, dashed(n)+" of "+name+" is another")
				}
			}
		}
		all = append(all, claims(name, c.Subcommands)...)
	}
	return all
}

// sentence makes one of a usage text.
func sentence(usage string) string {
	return strings.ToUpper(usage[:1]) + usage[1:] + "."
}

// exitStatuses is the part of the contract that every page repeats.
func exitStatuses() []Entry {
	return []Entry{
		{"0", "done"},
		{"1", "failed, or the answer is no"},
		{"2", "usage"},
		{"3", "bad input data"},
		{"4", "no router at the control socket"},
		{"5", "try again: a timeout, no tunnels, a peer that cannot be reached"},
		{"130", "interrupted"},
	}
}

// environment are the variables that flags are set from, and those that all programs know.
func (p Program) environment(app *urfave.App) []Entry {
	var all []Entry
	eachFlag(app, func(f Flag) {
		for _, name := range f.(urfave.DocGenerationFlag).GetEnvVars() {
			if !slices.ContainsFunc(all, func(e Entry) bool { return e.Term == name }) {
				all = append(all, Entry{name, "as " + dashed(f.Names()[0]) + ": " + usage(f)})
			}
		}
	})
	all = append(all, p.Manual.Environment...)
	return append(all, Entry{"NO_COLOR, TERM", "a NO_COLOR that is not empty, and a TERM of dumb, keep colours and progress bars off the terminal"})
}

// files are the program's, and those of every program that speaks to a router.
func (p Program) files(app *urfave.App) []Entry {
	all := p.Manual.Files
	speaks := false
	eachFlag(app, func(f Flag) { speaks = speaks || f.Names()[0] == "socket" })
	if speaks {
		all = append(all,
			Entry{"$XDG_RUNTIME_DIR/i2p/router.sock", "the router's control socket, unless --socket or --dir names another"},
			Entry{"$XDG_STATE_HOME/i2p", "the router's data, by default ~/.local/state/i2p; the control socket is here where there is no XDG_RUNTIME_DIR"},
		)
	}
	return all
}

func eachFlag(app *urfave.App, each func(Flag)) {
	for _, f := range app.Flags {
		each(f)
	}
	eachCommandFlag(app.Commands, each)
}

func eachCommandFlag(commands []*Command, each func(Flag)) {
	for _, c := range commands {
		for _, f := range c.Flags {
			each(f)
		}
		eachCommandFlag(c.Subcommands, each)
	}
}

// siblings are the other programs' pages.
func siblings(name string) []string {
	var all []string
	for _, n := range []string{"i2p-keygen", "i2p-lookup", "i2p-netdb", "i2p-reseed", "i2p-router", "i2p-tunnel"} {
		if n != name {
			all = append(all, n+"(1)")
		}
	}
	return all
}

// shellWord is a word of a shell's line, or what ends a command there.
var shellWord = regexp.MustCompile(`[|;&()<>]+|(?:'[^']*'|"[^"]*"|[^\s|;&()<>'"])+`)

// substituted is what a shell puts the output of a command in the place of.
var substituted = regexp.MustCompile(`\$\([^)]*\)`)

// unquote leaves a word as the program is given it.
var unquote = strings.NewReplacer("'", "", `"`, "")

// CheckExample tells whether the program would take the verbs and options with which a
// line of an example calls it, also where it is another program that does, which has the call in
// quotes.
func (p Program) CheckExample(line string) error {
	var call []string
	for _, word := range append(shellWord.FindAllString(line, -1), ";") {
		if !strings.ContainsAny(word[:1], "|;&()<>") {
			call = append(call, unquote.Replace(substituted.ReplaceAllString(word, "name.i2p")))
			if i := strings.IndexAny(word, `'"`); i >= 0 {
				quoted, _ := strings.CutSuffix(word[i+1:], word[i:i+1])
				if err := p.CheckExample(quoted); err != nil {
					return err
				}
			}
			continue
		}
		if i := slices.Index(call, p.Name); i >= 0 {
			if _, err := p.arrange(p.App(), call[i+1:]); err != nil {
				return err
			}
		}
		call = nil
	}
	return nil
}
