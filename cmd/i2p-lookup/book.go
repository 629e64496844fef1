package main

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"time"

	"i2ptoolkit/pkg/cli"
	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/naming"
	"i2ptoolkit/pkg/words"
)

func bookCommand() *cli.Command {
	return &cli.Command{
		Name:  "book",
		Usage: "look into the address books, and change them",
		Description: "There are three, asked in this order: private, the owner's alone; local, the owner's for others to have;\n" +
			"and subscribed, which feeds fill. They are files in the format of hosts.txt in addressbook/ of the\n" +
			"router's directory, and may be edited: they hold as soon as they are saved.",
		Subcommands: []*cli.Command{
			bookListCommand(), bookAddCommand(), bookRemoveCommand(), bookImportCommand(), bookExportCommand(), bookSubscribeCommand(), bookUpdateCommand(),
		},
	}
}

func bookFlag(value, usage string) cli.Flag {
	return cli.OneOf(cli.StringFlag{Name: "book", Value: value, Usage: usage}, naming.Books()...)
}

func offlineFlag() cli.Flag {
	return &cli.BoolFlag{Name: "offline", Usage: "use the files in --dir, without a router"}
}

// withBooks is the action of a verb that has the books.
func withBooks(change bool, action func(*cli.Context, books) error) func(*cli.Context) error {
	return func(c *cli.Context) error {
		b, done, err := openBooks(c, change)
		if err != nil {
			return err
		}
		defer done()
		return action(c, b)
	}
}

func bookListCommand() *cli.Command {
	return &cli.Command{
		Name:        "list",
		Usage:       "list names",
		ArgsUsage:   "[PATTERN…]",
		Description: "A line is a name, its b32 address and its book. A pattern is a part of a name, or has *, ? and [a-z].",
		Flags:       cli.RouterFlags(bookFlag("", "only the names of a `BOOK`: private, local or subscribed"), offlineFlag(), cli.JSONFlag(), cli.NulFlag()),
		Action: withBooks(false, func(c *cli.Context, b books) error {
			return b.Names(c.Context, c.String("book"), func(n control.Name) error {
				if !matches(n.Name, c.Args().Slice()) {
					return nil
				}
				if c.Bool("json") {
					return cli.PrintJSON(n)
				}
				_, err := fmt.Print(cli.Clean(n.Name+" "+n.B32+" "+n.Book), cli.End(c))
				return err
			})
		}),
	}
}

// matches tells whether a name is one of those that patterns ask for.
func matches(name string, patterns []string) bool {
	for _, p := range patterns {
		p = strings.ToLower(p)
		if ok, err := path.Match(p, name); ok || err != nil && strings.Contains(name, p) || !strings.ContainsAny(p, "*?[") && strings.Contains(name, p) {
			return true
		}
	}
	return len(patterns) == 0
}

func bookAddCommand() *cli.Command {
	return &cli.Command{
		Name:      "add",
		Usage:     "give a name a destination",
		ArgsUsage: "NAME DEST",
		Description: "DEST is a destination in base64, or any other name of one, which is looked up now; - reads it from stdin.\n" +
			"A name that the book has with another destination keeps that, with status 1, unless --replace is given.",
		Flags: cli.RouterFlags(
			bookFlag(naming.Local, "add it to `BOOK`: private, local or subscribed"), replaceFlag(), offlineFlag(),
			cli.Timeout(cli.DurationFlag{Name: "timeout", Value: 30 * time.Second, Usage: "give DEST up after `DURATION`"}),
		),
		Action: withBooks(true, func(c *cli.Context, b books) error {
			name, text := c.Args().Get(0), c.Args().Get(1)
			if text == "-" {
				in, err := cli.ReadText(c, text, maxName)
				if err != nil {
					return err
				}
				text = strings.TrimSpace(string(in))
			}
			f, err := newFinder(c, b)
			if err != nil {
				return err
			}
			found, err := f.find(c.Context, text)
			if err != nil {
				return fmt.Errorf("%s: %w", text, err)
			}
			if found.Kind != "destination" {
				return cli.Dataf("%s is a router, and no destination", text)
			}
			_, err = b.AddName(c.Context, control.AddName{Book: c.String("book"), Name: name, Destination: found.Destination, Replace: c.Bool("replace")})
			if errors.Is(err, &control.Error{Code: control.InUse}) {
				return cli.WithHint(err, "--replace gives it the new one")
			}
			return err
		}),
	}
}

func replaceFlag() cli.Flag {
	return &cli.BoolFlag{Name: "replace", Usage: "names that have another destination get the new one"}
}

func bookRemoveCommand() *cli.Command {
	return &cli.Command{
		Name:        "remove",
		Usage:       "take names out of a book",
		ArgsUsage:   "NAME…",
		Description: "Without --book it is the first that has the name. What is removed from subscribed, feeds do not bring back.",
		Flags:       cli.RouterFlags(bookFlag("", "remove them from `BOOK`: private, local or subscribed"), offlineFlag()),
		Action: withBooks(true, func(c *cli.Context, b books) error {
			for _, name := range c.Args().Slice() {
				book := c.String("book")
				if book == "" {
					found, err := b.LookUpName(c.Context, name)
					if err != nil {
						return err
					}
					book = found.Book
				}
				if err := b.RemoveName(c.Context, control.RemoveName{Book: book, Name: name}); err != nil {
					return err
				}
			}
			return nil
		}),
	}
}

func bookImportCommand() *cli.Command {
	return &cli.Command{
		Name:      "import",
		Usage:     "add the lines of hosts.txt files",
		ArgsUsage: "FILE|-…",
		Description: "The lines are name=destination and signed commands. A name that the book has keeps its destination, unless\n" +
			"that has signed the change or --replace is given. The status is 1 where lines were refused.",
		Flags: cli.RouterFlags(bookFlag(naming.Local, "add them to `BOOK`: private, local or subscribed"), replaceFlag(), offlineFlag(), cli.JSONFlag()),
		Action: withBooks(true, func(c *cli.Context, b books) error {
			var sum control.NamesReport
			for _, path := range c.Args().Slice() {
				in, err := cli.OpenInput(c, path)
				if err != nil {
					return err
				}
				r, err := b.ImportNames(c.Context, c.String("book"), c.Bool("replace"), in)
				in.Close()
				for i, example := range r.Examples {
					r.Examples[i] = cli.InputName(path) + ": " + example
				}
				if sum = sum.Sum(r); err != nil {
					return err
				}
			}
			if err := printReport(c, sum, sum); err != nil {
				return err
			}
			if sum.Refused() > 0 {
				return cli.Silent(cli.StatusFailed)
			}
			return nil
		}),
	}
}

// printReport says what became of lines; json is what it is part of.
func printReport(c *cli.Context, r control.NamesReport, json any) error {
	for _, example := range r.Examples {
		cli.Warnf(c, "%s", cli.Text(control.Errorf(control.BadData, "%s", example)))
	}
	if more := r.Refused() - len(r.Examples); more > 0 && len(r.Examples) > 0 {
		cli.Warnf(c, "%s more %s refused", words.Count(more, "line"), words.Verb(more, "was", "were"))
	}
	if c.Bool("json") {
		return cli.PrintJSON(json)
	}
	for _, ch := range r.Changes {
		if err := cli.Printf("%s: %s, was %s", ch.Name, orNothing(ch.New), orNothing(ch.Old)); err != nil {
			return err
		}
	}
	return cli.Printf("%s: %d added, %d changed, %d removed, %d known, %d refused", words.Count(r.Lines, "line"), r.Added, r.Changed+r.Updated, r.Removed, r.Known, r.Refused())
}

func orNothing(b32 string) string {
	if b32 == "" {
		return "nothing"
	}
	return b32
}

func bookExportCommand() *cli.Command {
	return &cli.Command{
		Name:        "export",
		Usage:       "write names in the format of hosts.txt",
		Description: "Without --book they are those of local and subscribed: what is private stays so.",
		Flags:       cli.RouterFlags(bookFlag("", "the names of `BOOK`: private, local or subscribed"), offlineFlag(), cli.OutputFlag(), cli.ForceFlag()),
		Action: withBooks(false, func(c *cli.Context, b books) error {
			from := []string{naming.Local, naming.Subscribed}
			if book := c.String("book"); book != "" {
				from = []string{book}
			}
			return cli.StreamOutput(c, func(w io.Writer) error {
				out := bufio.NewWriter(w)
				said := make(map[string]bool)
				for _, book := range from {
					err := b.Names(c.Context, book, func(n control.Name) error {
						if said[n.Name] {
							return nil
						}
						said[n.Name] = true
						_, err := fmt.Fprintf(out, "%s=%s\n", n.Name, n.Destination)
						return err
					})
					if err != nil {
						return err
					}
				}
				return out.Flush()
			})
		}),
	}
}

func bookSubscribeCommand() *cli.Command {
	return &cli.Command{
		Name:      "subscribe",
		Usage:     "follow feeds of names, or list those that are followed",
		ArgsUsage: "[URL…]",
		Description: "A feed is http://NAME/PATH, its name one of .i2p. Feeds are asked for twice a day, in the order of the list: the\n" +
			"first that has a name gives it.",
		Flags: cli.RouterFlags(&cli.BoolFlag{Name: "remove", Usage: "follow them no more; what they gave stays"}, offlineFlag(), cli.JSONFlag()),
		Action: withBooks(true, func(c *cli.Context, b books) error {
			if c.NArg() == 0 {
				return listFeeds(c, b)
			}
			for _, url := range c.Args().Slice() {
				do := b.Subscribe
				if c.Bool("remove") {
					do = b.Unsubscribe
				}
				if err := do(c.Context, url); err != nil {
					return fmt.Errorf("%s: %w", url, err)
				}
			}
			return nil
		}),
	}
}

func listFeeds(c *cli.Context, b books) error {
	feeds, err := b.Feeds(c.Context)
	if err != nil {
		return err
	}
	return cli.PrintList(c, feeds, func(w io.Writer, feeds []control.Feed) error {
		t := cli.NewTable(w)
		for _, f := range feeds {
			state := "not asked yet"
			switch {
			case f.Problem != "":
				state = f.Problem
			case !f.Checked.IsZero():
				state = "read " + f.Checked.Local().Format("2006-01-02 15:04")
			}
			t.Row(f.URL, state)
		}
		return t.Flush()
	})
}

func bookUpdateCommand() *cli.Command {
	return &cli.Command{
		Name:        "update",
		Usage:       "ask for the feeds now",
		ArgsUsage:   "[URL…]",
		Description: "The router fetches them over I2P, and says of each what it gave. The status is that of the worst failure.",
		Flags:       cli.RouterFlags(&cli.BoolFlag{Name: "again", Usage: "read those too that have not changed"}, cli.JSONFlag()),
		Action: func(c *cli.Context) error {
			router, err := cli.Router(c)
			if err != nil {
				return err
			}
			var worst error
			count := 0
			err = router.UpdateFeeds(c.Context, control.UpdateFeeds{URLs: c.Args().Slice(), Again: c.Bool("again")}, func(u control.FeedUpdate) error {
				count++
				if u.Error != nil {
					cli.Warnf(c, "%s: %v", u.URL, u.Error)
					if cli.StatusOf(u.Error) > cli.StatusOf(worst) {
						worst = cli.Silent(cli.StatusOf(u.Error))
					}
				}
				switch {
				case c.Bool("json"):
					return cli.PrintJSON(u)
				case u.Error != nil:
					return nil
				case u.Unchanged:
					return cli.Printf("%s: not changed", u.URL)
				}
				if err := cli.Printf("%s:", u.URL); err != nil {
					return err
				}
				return printReport(c, u.Report, u)
			})
			if err == nil && count == 0 {
				return cli.WithHint(errors.New("there are no subscriptions"), "i2p-lookup book subscribe URL adds one")
			}
			return cmp.Or(err, worst)
		},
	}
}
