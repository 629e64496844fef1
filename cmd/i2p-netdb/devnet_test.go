package main

import (
	"os"
	"os/exec"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestDevnet has the programs themselves work on a network of real routers.
func TestDevnet(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds three programs")
	}
	bin := t.TempDir()
	build := exec.Command("go", "build", "-o", bin, "../i2p-router", "../i2p-lookup", ".")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata/devnet",
		Setup: func(env *testscript.Env) error {
			env.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
			env.Setenv("HOME", env.WorkDir)
			return nil
		},
	})
}
