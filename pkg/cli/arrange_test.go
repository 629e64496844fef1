package cli

import (
	"strings"
	"testing"
	"time"

	urfave "github.com/urfave/cli/v2"
)

// arranger is a program with flags of every kind.
func arranger() (Program, *urfave.App) {
	p := Program{
		Name:    "x",
		Default: "run",
		Commands: []*Command{
			{Name: "run", Flags: []Flag{&StringFlag{Name: "dir"}}},
			{Name: "list", Flags: []Flag{
				&BoolFlag{Name: "json"}, &StringFlag{Name: "version"}, Int(1, 9, IntFlag{Name: "n"}),
				&StringFlag{Name: "output", Aliases: []string{"o"}},
				Timeout(DurationFlag{Name: "timeout"}), OneOf(StringFlag{Name: "for"}, "ready", "tunnels"),
			}},
			{Name: "hold", Flags: []Flag{Seconds(0, time.Hour, DurationFlag{Name: "q"})}},
			{Name: "config", Subcommands: []*Command{{Name: "show", Flags: []Flag{&StringFlag{Name: "dir"}}}}},
		},
	}
	return p, p.App()
}

func TestArrange(t *testing.T) {
	for line, want := range map[string]string{
		"":                       "run --",
		"--dir D":                "run --dir=D --",
		"--dir=D -q":             "run --dir=D --quiet --",
		"list a --json b":        "list --json -- a b",
		"--json list a":          "list --json -- a",
		"list a -- --json":       "list -- a --json",
		"list -- list":           "list -- list",
		"list -":                 "list -- -",
		"-o - list":              "list --output=- --",
		"list -qv":               "list --quiet --verbose --",
		"list -n8":               "list --n=8 --",
		"list -n=8":              "list --n=8 --",
		"list -qn=8":             "list --quiet --n=8 --",
		"list -qn 8 a":           "list --quiet --n=8 -- a",
		"list --version 0.9 a":   "list --version=0.9 -- a",
		"config --dir D show":    "config show --dir=D --",
		"config show extra":      "config show -- extra",
		"config --dir D":         "config --",
		"frobnicate --json":      "-- frobnicate",
		"frobnicate --json -h":   "-- frobnicate",
		"-h":                     "--help --",
		"list --output list -q":  "list --output=list --quiet --",
		"list --output=--json":   "list --output=--json --",
		"list -o -x":             "list --output=-x --",
		"list --for Ready":       "list --for=ready --",
		"list --timeout 90m":     "list --timeout=1h30m0s --",
		"hold -q 5":              "hold --q=5s --",
		"hold -q 1.5m --quiet":   "hold --q=1m30s --quiet --",
		"list --json=false":      "list --json=false --",
		"list -q -o a -o b -- c": "list --quiet --output=a --output=b -- c",
	} {
		p, app := arranger()
		got, err := p.arrange(app, strings.Fields(line))
		if g := strings.Join(got.args, " "); g != want || got.version || err != nil {
			t.Errorf("%q becomes %q (version %v, %v), expected %q", line, g, got.version, err, want)
		}
	}
	for _, line := range []string{"--version", "run a -q --version", "--version list"} {
		p, app := arranger()
		if got, err := p.arrange(app, strings.Fields(line)); !got.version || err != nil {
			t.Errorf("%q does not ask for the version (%v)", line, err)
		}
	}
	p, app := arranger()
	if got, _ := p.arrange(app, []string{"run", "--", "--version"}); got.version {
		t.Error("--version after -- asks for the version")
	}
}

// TestArrangeRefuses: what is wrong with a flag is told by the name that was typed.
func TestArrangeRefuses(t *testing.T) {
	for line, want := range map[string]string{
		"list a --bogus b":         "unknown option --bogus",
		"list -bogus":              "unknown option -bogus",
		"list -xyz":                "unknown option -xyz",
		"list --bogus=1":           "unknown option --bogus",
		"--bogus":                  "unknown option --bogus",
		"config --bogus":           "unknown option --bogus",
		"list --output":            "--output needs a value",
		"list -o":                  "-o needs a value",
		"list -qo":                 "-o needs a value",
		"list -o --":               "-o needs a value",
		"list -o -- a":             "-o needs a value",
		"list -o --json":           "-o needs a value",
		"list --output -q":         "--output needs a value",
		"list --output=":           "--output needs a value",
		"list --version":           "--version needs a value",
		"--dir":                    "--dir needs a value",
		"hold -q":                  "-q needs a value",
		"list --json=maybe":        "--json takes no value",
		"list -n 0":                "-n 0 is not within 1 to 9",
		"list -n -5":               "-n -5 is not within 1 to 9",
		"list -n99999999999999999": "-n 99999999999999999 is not within 1 to 9",
		"list -n one":              `-n "one" is no whole number`,
		"list --timeout -5s":       "--timeout -5s is not within 1ms to 8760h",
		"list --timeout 0":         "--timeout 0 is not within 1ms to 8760h",
		"list --timeout 5":         "--timeout 5 has no unit, such as 5s or 5m",
		"list --timeout soon":      `--timeout "soon" is no duration such as 30s or 1h30m`,
		"list --timeout 9999999h":  `--timeout "9999999h" is no duration such as 30s or 1h30m`,
		"list --for ever":          `--for "ever" is none of ready, tunnels`,
		"hold -q -1":               "-q -1 is not within 0s to 1h",
		"hold -q NaN":              `-q "NaN" is no duration such as 30s or 1h30m`,
	} {
		p, app := arranger()
		got, err := p.arrange(app, strings.Fields(line))
		if err == nil || err.Error() != want || StatusOf(err) != StatusUsage {
			t.Errorf("%q becomes %q and error %v, expected %s", line, got.args, err, want)
		}
	}
}
