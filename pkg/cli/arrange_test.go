package cli

import (
	"strings"
	"testing"
)

func TestArrange(t *testing.T) {
	p := Program{
		Name:    "x",
		Default: "run",
		Commands: []*Command{
			{Name: "run", Flags: []Flag{&StringFlag{Name: "dir"}}},
			{Name: "list", Flags: []Flag{&BoolFlag{Name: "json"}, &StringFlag{Name: "version"}, &IntFlag{Name: "n"}, &StringFlag{Name: "output", Aliases: []string{"o"}}}},
			{Name: "config", Subcommands: []*Command{{Name: "show", Flags: []Flag{&StringFlag{Name: "dir"}}}}},
		},
	}
	for line, want := range map[string]string{
		"":                          "run --",
		"--dir D":                   "run --dir D --",
		"--dir=D -q":                "run --dir=D -q --",
		"list a --json b":           "list --json -- a b",
		"--json list a":             "list --json -- a",
		"list a -- --json":          "list -- a --json",
		"list -- list":              "list -- list",
		"list -":                    "list -- -",
		"-o - list":                 "list -o - --",
		"list -qv":                  "list -q -v --",
		"list -n8":                  "list -n 8 --",
		"list -qn 8 a":              "list -q -n 8 -- a",
		"list a --bogus b":          "list --bogus -- a b",
		"list -xyz":                 "list -xyz --",
		"list --version 0.9 a":      "list --version 0.9 -- a",
		"config --dir D show":       "config show --dir D --",
		"config show extra":         "config show -- extra",
		"frobnicate":                "-- frobnicate",
		"-h":                        "-h --",
		"list --output":             "list --output --",
		"list --output list --json": "list --output list --json --",
	} {
		got := arrange(p.App(), p.Default, strings.Fields(line))
		if g := strings.Join(got.args, " "); g != want || got.version {
			t.Errorf("%q becomes %q (version %v), expected %q", line, g, got.version, want)
		}
	}
	for _, line := range []string{"--version", "run a -q --version", "--version list"} {
		args := strings.Fields(line)
		if !arrange(p.App(), p.Default, args).version {
			t.Errorf("%q does not ask for the version", args)
		}
	}
	if arrange(p.App(), p.Default, []string{"run", "--", "--version"}).version {
		t.Error("--version after -- asks for the version")
	}
}
