package cli

import (
	"strings"
	"testing"
)

func suggestTestProgram() Program {
	nothing := func(*Context) error { return nil }
	return Program{
		Name: "i2p-test", Default: "run",
		Commands: []*Command{
			{Name: "run", Usage: "run `IT`", Action: nothing, Flags: []Flag{
				OneOf(StringFlag{Name: "for", Usage: "`STATE`"}, "ready", "tunnels"),
				&StringFlag{Name: "output", Aliases: []string{"o"}, Usage: "`FILE`"},
				&StringSliceFlag{Name: "dir", Usage: "`DIR`"},
				&StringFlag{Name: "netdb", Usage: "the directory, or zip, `DIR`"},
				&StringFlag{Name: "name", Usage: "`NAME`"},
				CommaList(StringFlag{Name: "types", Usage: "`TYPE`…"}, func(string) error { return nil }, "one", "two", "three"),
			}},
			{Name: "level", Action: nothing, Usage: "set it", ArgsUsage: "[debug|info]"},
			{Name: "sign", Action: nothing, Usage: "sign it", ArgsUsage: "NAME FILE|-…"},
			{Name: "serve", Action: nothing, Usage: "serve", ArgsUsage: "[DIR]"},
			{Name: "host", Usage: "more", Subcommands: []*Command{{Name: "add", Usage: "add", Action: nothing}}},
		},
	}
}

// TestSuggest: what may follow a command line, the last word of which is at the cursor.
func TestSuggest(t *testing.T) {
	const common = "--quiet --verbose --version --help"
	for typed, want := range map[string]string{
		"":                     "none run level sign serve host completion",
		"s":                    "none sign serve",
		"x":                    "none",
		"--f":                  "none --for",
		"run ":                 "none --for --output --dir --netdb --name --types " + common,
		"run -":                "none --for --output -o --dir --netdb --name --types --quiet -q --verbose -v --version --help -h",
		"run --for ready --f":  "none",
		"run --dir x --d":      "none --dir", // may be repeated
		"run --for ":           "none ready tunnels",
		"run --for t":          "none tunnels",
		"run --for=t":          "none tunnels",
		"run --for = t":        "none tunnels", // as bash takes it apart
		"run --for =":          "none ready tunnels",
		"run --for=":           "none ready tunnels",
		"run --nothing=":       "none",
		"run --quiet=":         "none",
		"--for ":               "none ready tunnels",
		"run -o ":              "files",
		"run -qo x":            "files",
		"run --dir ":           "dirs",
		"run --netdb ":         "files",
		"run --name ":          "none",
		"run --types ":         "none one two three",
		"run --types t":        "none two three",
		"run --types two,":     "none two,one two,three",
		"run --types two,t":    "none two,three",
		"run --types=one,two,": "none one,two,three",
		"level ":               "none debug info",
		"level d":              "none debug",
		"level debug ":         "none " + common,
		"sign n ":              "files",
		"sign n a b ":          "files",
		"sign -- n -":          "files",
		"serve ":               "dirs",
		"host ":                "none add",
		"host add --verb":      "none --verbose",
		"completion z":         "none zsh",
		"-- --f":               "none",
	} {
		var out strings.Builder
		if err := suggestTestProgram().suggest(&out, append([]string{"--"}, strings.Split(typed, " ")...)); err != nil {
			t.Fatal(err)
		}
		var got []string
		for line := range strings.Lines(out.String()) {
			word, what, described := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
			if described && what == "" {
				t.Errorf("%q: %q has a mark with nothing behind it, which zsh shows", typed, word)
			}
			got = append(got, word)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q: %s, expected %s", typed, strings.Join(got, " "), want)
		}
	}
	var out strings.Builder
	suggestTestProgram().suggest(&out, []string{"--", "r"})
	if out.String() != "none\nrun\trun IT\n" {
		t.Errorf("it answers %q", out.String())
	}
}
