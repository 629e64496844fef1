// Package clitest is what the tests of the binaries share.
package clitest

import (
	_ "embed"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"i2ptoolkit/pkg/cli"
	"i2ptoolkit/pkg/control/controltest"
	"i2ptoolkit/pkg/i2p"
)

//go:embed testdata/common.txt
var commonScript []byte

// Scripts runs the testscript files in testdata, and those that hold for all programs. With
// UPDATE_SCRIPTS set it writes the golden parts anew.
func Scripts(t *testing.T) {
	scripts, err := filepath.Glob(filepath.Join("testdata", "*.txt"))
	if err != nil {
		t.Fatal(err)
	}
	common := filepath.Join(t.TempDir(), "common.txt")
	if err := os.WriteFile(common, commonScript, 0o600); err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Files:              append(scripts, common),
		Setup:              setup,
		RequireUniqueNames: true,
		UpdateScripts:      os.Getenv("UPDATE_SCRIPTS") != "",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"completes":   completes,
			"status":      status,
			"fake-router": controltest.Script,
		},
	})
}

// setup gives a script places of its own, and none of the developer's. DATA is testdata; B32
// and DEST name the destination whose keys are in testdata/key.dat, where there is one.
func setup(env *testscript.Env) error {
	data, err := filepath.Abs("testdata")
	if err != nil {
		return err
	}
	env.Setenv("DATA", data)
	env.Setenv("PROGRAM", filepath.Base(filepath.Dir(data))) // the test runs in cmd/NAME
	if b, err := os.ReadFile(filepath.Join(data, "key.dat")); err == nil {
		keys, _, err := i2p.ParsePrivateKeys(b)
		if err != nil {
			return err
		}
		env.Setenv("B32", keys.Destination().B32())
		env.Setenv("DEST", keys.Destination().Base64())
	}
	env.Setenv("HOME", filepath.Join(env.WorkDir, "home"))
	env.Setenv("GORACE", "atexit_sleep_ms=10") // a program with the race detector sleeps a second at its end
	for _, name := range []string{"XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR", "I2P_DIR", "I2P_SOCKET", "I2P_CONFIG", "NOTIFY_SOCKET"} {
		env.Setenv(name, "")
	}
	return nil
}

// status is a testscript command that runs a program and compares its exit status:
//
//	status WANT PROGRAM ARGUMENT…
//
// For a usage error (2) it also insists that stdout is empty and stderr is not.
func status(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status WANT PROGRAM ARGUMENT…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	if exit, ok := err.(*exec.ExitError); ok {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("%s: status %d, expected %d", strings.Join(args[1:], " "), got, want)
	}
	if want == cli.StatusUsage && (ts.ReadFile("stdout") != "" || ts.ReadFile("stderr") == "") {
		ts.Fatalf("%s: a usage error belongs on stderr alone", strings.Join(args[1:], " "))
	}
}

var update = flag.Bool("update-man", false, "write the man pages anew")

// ManPage tells whether docs/man holds the program's man page as its definition has it, and
// whether the program would take all that is shown there, in README.md and in docs. The test runs
// in cmd/NAME. scripts/man writes the pages.
func ManPage(t *testing.T, p cli.Program) {
	t.Helper()
	Page(t, p.Name+".1", p.Man())
	for _, e := range p.Manual.Examples {
		for _, line := range e.Lines {
			if err := p.CheckExample(line); err != nil {
				t.Errorf("example %q: %v", line, err)
			}
		}
	}
	docs, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range append(docs, "../../README.md") {
		for _, line := range commands(t, path) {
			if err := p.CheckExample(line); err != nil {
				t.Errorf("%s: %q: %v", path, line, err)
			}
		}
	}
}

// commands are the lines of the code blocks of a text, fenced or indented, without comments.
func commands(t *testing.T, path string) []string {
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	code := false
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "```") {
			code = !code
		} else if code || strings.HasPrefix(line, "    ") {
			line, _, _ = strings.Cut(line, " # ")
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines
}

// Page tells whether docs/man holds a page as it would be made now.
func Page(t *testing.T, name string, page []byte) {
	t.Helper()
	path := filepath.Join("..", "..", "docs", "man", name)
	if *update {
		if err := os.WriteFile(path, page, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if have, err := os.ReadFile(path); err != nil || string(have) != string(page) {
		t.Errorf("%s is not current (%v): run scripts/man", path, err)
	}
}
