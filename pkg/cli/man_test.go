package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func manTestProgram() Program {
	return Program{
		Name: "i2p-test", Usage: "try the manual", Default: "run",
		Description: "First words\nof one paragraph. .TH is no macro here, nor is \\fB a font.\n\nA second one with --flag and -x.",
		Commands: []*Command{
			{Name: "run", Usage: "run it", ArgsUsage: "FILE | -", Action: func(*Context) error { return nil }, Flags: []Flag{
				&StringFlag{Name: "output", Aliases: []string{"o"}, Value: "a-file", EnvVars: []string{"I2P_TEST_OUTPUT"}, Usage: "write to `FILE`"},
			}},
			{Name: "host", Usage: "do more", Subcommands: []*Command{{Name: "add", Usage: "add one", ArgsUsage: "NAME", Action: func(*Context) error { return nil }}}},
		},
		Manual: Manual{
			Examples:    []Example{{What: "Try it:", Lines: []string{"i2p-test run -o 'x' - | cat", ".dot"}}},
			Files:       []Entry{{"~/x", "a file"}},
			Environment: []Entry{{"GOMAXPROCS", "a number"}},
			SeeAlso:     []string{"nc(1)"},
		},
	}
}

func TestMan(t *testing.T) {
	page := string(manTestProgram().Man())
	for _, want := range []string{
		".SH \"NAME\"\ni2p\\-test \\- try the manual\n",
		".SH \"SYNOPSIS\"\n\\fBi2p\\-test\\fP [run] [\\fIOPTION\\fP...] \\fIFILE\\fP | \\-\n.br\n\\fBi2p\\-test host add\\fP [\\fIOPTION\\fP...] \\fINAME\\fP\n",
		"First words of one paragraph.\n\\&.TH is no macro here, nor is \\efB a font.\n.PP\nA second one with \\fB\\-\\-flag\\fP and \\fB\\-x\\fP.\n",
		".TP\n\\fB\\-o, \\-\\-output\\fP \\fIFILE\\fP\nwrite to \\fIFILE\\fP (default: a\\-file)\n",
		".SH \"ENVIRONMENT\"\n.TP\n\\fBI2P_TEST_OUTPUT\\fP\n",
		".EX\ni2p\\-test run \\-o \\(aqx\\(aq \\- | cat\n\\&.dot\n.EE\n",
		".SH \"FILES\"\n.TP\n\\fB\\(ti/x\\fP\na file\n",
		".BR nc (1)\n",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks\n%s", want)
		}
	}
	if strings.Contains(page, "\\-\\-socket") {
		t.Error("a program that speaks to no router names its socket")
	}
	if t.Failed() {
		t.Log(page)
	}
}

// TestSynopses: no way to call a program is torn apart, as it is where " | " stands in brackets.
func TestSynopses(t *testing.T) {
	pages, err := filepath.Glob("../../docs/man/*.1")
	if err != nil || len(pages) < 6 {
		t.Fatal("the pages are missing", err)
	}
	for _, path := range pages {
		page, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		_, synopsis, _ := strings.Cut(string(page), ".SH \"SYNOPSIS\"\n")
		synopsis, _, found := strings.Cut(synopsis, ".SH")
		if !found {
			t.Errorf("%s has no synopsis", path)
		}
		for line := range strings.Lines(synopsis) {
			if strings.Count(line, "[") != strings.Count(line, "]") {
				t.Errorf("%s: %s", path, line)
			}
		}
	}
}

// TestManLint: mandoc has nothing to say against a page.
func TestManLint(t *testing.T) {
	mandoc, err := exec.LookPath("mandoc")
	if err != nil {
		t.Skip("SKIPPED: there is no mandoc here")
	}
	cmd := exec.Command(mandoc, "-Tlint")
	cmd.Stdin = strings.NewReader(string(manTestProgram().Man()))
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestCheckExample(t *testing.T) {
	for line, good := range map[string]bool{
		"i2p-test run -o x -":                  true,
		"cat | i2p-test run --output=x":        true,
		"other --frob; i2p-test host add NAME": true,
		"i2p-test run --frob":                  false,
		"echo && i2p-test host add -o x":       false,
		"i2p-test run -o 'x --frob | y'":       true,
		`other -e "$(i2p-test run --frob)"`:    false,
		"o --p='i2p-test run %h --frob' z":     false,
	} {
		if err := manTestProgram().CheckExample(line); (err == nil) != good {
			t.Errorf("%q: %v", line, err)
		}
	}
}
