// Package cli is what the binaries share: their common contract about flags, streams, exit
// statuses, places, files and signals, over urfave/cli.
package cli

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"

	urfave "github.com/urfave/cli/v2"

	"i2ptoolkit/pkg/control"
)

// The parts of urfave/cli that commands are defined with.
type (
	Command         = urfave.Command
	Context         = urfave.Context
	Flag            = urfave.Flag
	BoolFlag        = urfave.BoolFlag
	StringFlag      = urfave.StringFlag
	StringSliceFlag = urfave.StringSliceFlag
)

// Program defines one binary.
type Program struct {
	Name        string
	Usage       string
	ArgsUsage   string
	Description string
	Commands    []*Command
	// Default is the verb that is meant when none is named; empty: Action, or a usage error.
	Default string
	// Flags and Action are what the program does without a verb.
	Flags  []Flag
	Action func(*Context) error
	Manual Manual
}

// Main runs the program with the process's arguments and exits with its status.
//
// What is written to a stdout that was closed from the start (>&-) is not known to be lost: Go's runtime
// has opened /dev/null in its place (checkfds), and that cannot be told from one that the caller gave.
func Main(p Program) {
	ctx, stop := interruptible(context.Background())
	err := untilInterrupted(ctx, func() error { return p.Run(ctx, os.Args[1:]) })
	status := report(os.Stderr, p.Name, ctx, err)
	stop()
	os.Exit(status)
}

// Run runs the program. Flags may stand anywhere before "--".
func (p Program) Run(ctx context.Context, args []string) error {
	if len(args) > 0 && args[0] == suggestVerb {
		return p.suggest(os.Stdout, args[1:])
	}
	app := p.App()
	arranged, err := p.arrange(app, args)
	if err != nil {
		return err
	}
	if arranged.version {
		_, err := fmt.Fprintln(app.Writer, Version(p.Name))
		return err
	}
	ctx = context.WithValue(ctx, givenFlags{}, arranged.flags)
	out := &rememberingWriter{w: app.Writer}
	app.Writer = out
	if err := app.RunContext(ctx, append([]string{p.Name}, arranged.args...)); err != nil {
		return err
	}
	return out.err
}

// Version is what --version prints: name, version, API level and Go.
func Version(name string) string {
	return fmt.Sprintf("%s %s (I2P API %s, %s)", name, control.Version(), control.APILevel, runtime.Version())
}

// App gives the program's definition to urfave/cli, with what all programs have in common.
func (p Program) App() *urfave.App {
	app := &urfave.App{
		Name:                      p.Name,
		HelpName:                  p.Name,
		Usage:                     p.Usage,
		ArgsUsage:                 p.ArgsUsage,
		Description:               p.Description,
		HideVersion:               true,
		HideHelpCommand:           true,
		DisableSliceFlagSeparator: true, // option values hold commas
		Flags:                     append(p.Flags, commonFlags(p.Flags)...),
		Action:                    p.Action,
		Commands:                  append(p.Commands, completionCommand(p)),
		Writer:                    os.Stdout,
		ErrWriter:                 os.Stderr,
		OnUsageError:              usageError,
		ExitErrHandler:            func(*Context, error) {},
	}
	app.UsageText = p.usageText()
	plain(app.Flags)
	switch {
	case app.Action == nil:
		app.Action = unknownVerb
	default:
		app.Action = counted(p.ArgsUsage, p.Action)
	}
	for _, c := range app.Commands {
		complete(c, p.Name)
	}
	return app
}

func (p Program) usageText() string {
	call := strings.TrimSpace("[OPTION…] " + p.ArgsUsage)
	switch {
	case p.Action != nil:
		return p.Name + " " + call
	case p.Default != "":
		return p.Name + " [VERB] [OPTION…] [ARGUMENT…]"
	}
	return p.Name + " VERB [OPTION…] [ARGUMENT…]"
}

// complete gives a command and those below it what all have in common.
func complete(c *Command, parent string) {
	name := parent + " " + c.Name
	c.HideHelpCommand = true
	c.OnUsageError = usageError
	c.UsageText = strings.TrimSpace(name + " [OPTION…] " + c.ArgsUsage)
	switch {
	case len(c.Subcommands) > 0:
		c.UsageText = name + " VERB [OPTION…]"
		c.Action = unknownVerb
	default:
		c.Action = counted(c.ArgsUsage, c.Action)
	}
	c.Flags = append(c.Flags, commonFlags(c.Flags)...)
	plain(c.Flags)
	for _, sub := range c.Subcommands {
		complete(sub, name)
	}
}

// plain keeps "(default: false)" out of the help.
func plain(flags []Flag) {
	for _, f := range flags {
		if b, ok := f.(*BoolFlag); ok {
			b.DisableDefaultText = true
		}
	}
}

// commonFlags are what all programs and verbs take beside flags of their own, which may
// claim a name: i2p-netdb list has another --version, i2p-tunnel connect another -q.
func commonFlags(own []Flag) []Flag {
	claimed := func(name string) bool {
		return slices.ContainsFunc(own, func(f Flag) bool { return slices.Contains(f.Names(), name) })
	}
	var common []Flag
	for _, f := range []*BoolFlag{
		{Name: "quiet", Aliases: []string{"q"}, Usage: "say nothing on stderr but errors"},
		{Name: "verbose", Aliases: []string{"v"}, Usage: "say more on stderr"},
		{Name: "version", Usage: "print name, version, API level and Go, and exit"},
	} {
		f.Aliases = slices.DeleteFunc(f.Aliases, claimed)
		if !claimed(f.Name) {
			common = append(common, f)
		}
	}
	return common
}

func usageError(c *Context, err error, _ bool) error {
	return WithHint(&Failure{Status: StatusUsage, Err: err}, "see %s --help", helpName(c))
}

func unknownVerb(c *Context) error {
	if c.Args().Present() {
		return WithHint(Usagef("there is no verb %q", c.Args().First()), "see %s --help", helpName(c))
	}
	return WithHint(Usagef("a verb is missing"), "see %s --help", helpName(c))
}

func helpName(c *Context) string {
	if c.Command != nil && c.Command.HelpName != "" {
		return c.Command.HelpName
	}
	return c.App.HelpName
}

// counted refuses arguments that the usage has no place for, and misses those that it wants.
func counted(usage string, action urfave.ActionFunc) urfave.ActionFunc {
	least, most := placesIn(usage)
	return func(c *Context) error {
		args := c.Args().Slice()
		switch {
		case len(args) < least:
			return misused(c, "an argument is missing", usage)
		case most >= 0 && len(args) > most:
			return misused(c, fmt.Sprintf("unexpected argument %q", args[most]), usage)
		}
		return lacking(c, action(c))
	}
}

// misused is a usage error of the verb, or of a program that has none.
func misused(c *Context, what, usage string) error {
	if usage == "" {
		usage = "none"
	}
	return WithHint(Usagef("%s: %s takes %s", what, c.Command.Name, usage), "see %s --help", helpName(c))
}

// placesIn counts the arguments of a usage such as "NAME [FILE|-]…", of which each word is one;
// most is -1 where there may be any number.
func placesIn(usage string) (least, most int) {
	least = -1
	for way := range strings.SplitSeq(usage, " | ") {
		wanted, places := 0, 0
		for word := range strings.FieldsSeq(way) {
			if !strings.HasPrefix(word, "[") {
				wanted++
			}
			if places++; strings.Contains(word, "…") {
				most = -1
			}
		}
		if least < 0 || wanted < least {
			least = wanted
		}
		if most >= 0 {
			most = max(most, places)
		}
	}
	return least, most
}

// Notef says something on stderr, unless -q was given.
func Notef(c *Context, format string, args ...any) {
	if !c.Bool("quiet") {
		Warnf(c, format, args...)
	}
}

// Warnf says on stderr what went wrong while the program goes on.
func Warnf(c *Context, format string, args ...any) {
	args = slices.Clone(args)
	for i, a := range args {
		if err, ok := a.(error); ok {
			args[i] = Text(err)
		}
	}
	fmt.Fprintf(os.Stderr, "%s: %s\n", c.App.Name, Clean(fmt.Sprintf(format, args...)))
}

// Verbosef says something on stderr when -v was given.
func Verbosef(c *Context, format string, args ...any) {
	if c.Bool("verbose") {
		Notef(c, format, args...)
	}
}
