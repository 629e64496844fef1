// Package layers_test executes the layer table of the architecture: who may import whom,
// and what engines must not touch.
package layers_test

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// testsOnly is the layer of packages that only tests, and each other, import.
const testsOnly = -1

// table gives every package its layer. A package imports lower layers only, and edges.
func table() map[string]int {
	t := make(map[string]int)
	for layer, names := range []string{
		0: "aescbc buf draw env mailbox tally noise elligator sign",
		1: "i2p routerinfo leaseset i2np su3 datagram control vanity hostrecord family words options",
		2: "ntcp2 ssu2 ratchet tunnel netdb profile streaming",
		3: "transport transport/ntcp2link nat netdbdir reseed reseed/fetch reseed/join reseed/serve naming router client sockets destinations control/client",
		4: "sam i2cp proxy forward control/server console",
		5: "config control/answers metrics node devnet cli cli/record processors",
	} {
		for name := range strings.FieldsSeq(names) {
			t[name] = layer
		}
	}
	for name := range strings.FieldsSeq("simnet interop interop/netns interop/wan vectors cli/clitest control/controltest reseed/reseedtest") {
		t[name] = testsOnly
	}
	return t
}

// edges are the imports within a layer.
func edges() map[string]string {
	return map[string]string{
		"elligator":  "draw noise",
		"env":        "draw",
		"noise":      "draw",
		"sign":       "draw",
		"routerinfo": "i2p",
		"leaseset":   "i2p",
		"i2np":       "i2p routerinfo leaseset",
		"datagram":   "i2p",
		"vanity":     "i2p",
		"options":    "i2np i2p",
		"hostrecord": "i2p",
		"cli/record": "cli", // prints as all programs do
		"family":     "i2p routerinfo",
		"netdb":      "profile",
		"client":     "sockets", // a destination owns its streams
		"node":       "config control/answers metrics",
		"devnet":     "config node",

		"destinations": "client router sockets",

		"control/answers": "config",
		"metrics":         "control/answers",

		"transport/ntcp2link": "transport", // a driver of the table

		"reseed":       "netdbdir",
		"reseed/fetch": "netdbdir reseed",
		"reseed/join":  "reseed/fetch",
	}
}

// tools are what commands import beside L5, L1 and the control client.
func tools() map[string]string {
	return map[string]string{
		"i2p-netdb":  "netdbdir", // reads directories without a router
		"i2p-keygen": "sign",     // names signature types
		"i2p-reseed": "netdbdir reseed reseed/fetch reseed/serve",
	}
}

const (
	lastEngine = 2 // the highest layer without I/O, clocks and goroutines' timers
	toolLayer  = 5
	module     = "i2ptoolkit/"
)

type pkg struct {
	ImportPath string
	Dir        string
	GoFiles    []string
	Imports    []string
}

// list asks the go command for the module's packages.
func list(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-e", "-json=ImportPath,Dir,GoFiles,Imports", "./...")
	cmd.Dir = ".."
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []pkg
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := d.Decode(&p); err == io.EOF {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		if len(p.GoFiles) > 0 {
			all = append(all, p)
		}
	}
}

func TestLayers(t *testing.T) {
	layers := table()
	for _, p := range list(t) {
		name, isLibrary := strings.CutPrefix(p.ImportPath, module+"pkg/")
		if !isLibrary {
			checkCommand(t, layers, p)
			continue
		}
		layer, known := layers[name]
		if !known {
			t.Errorf("%s is in no layer: add it to the table", name)
		}
		if !known || layer == testsOnly {
			continue
		}
		for _, path := range p.Imports {
			imported, ours := strings.CutPrefix(path, module+"pkg/")
			if !ours {
				continue
			}
			below, known := layers[imported]
			allowed := known && below != testsOnly && below < layer || slices.Contains(strings.Fields(edges()[name]), imported)
			if !allowed {
				t.Errorf("%s (layer %d) imports %s (layer %d)", name, layer, imported, below)
			}
		}
		if layer <= lastEngine && name != "env" { // which hands out what engines must not have
			checkEngine(t, name, p)
		}
	}
}

// checkCommand: the tools import L5, L1 and the control client only.
func checkCommand(t *testing.T, layers map[string]int, p pkg) {
	name, isCommand := strings.CutPrefix(p.ImportPath, module+"cmd/")
	if !isCommand {
		t.Errorf("%s is neither in cmd nor in pkg", p.ImportPath)
		return
	}
	for _, path := range p.Imports {
		imported, ours := strings.CutPrefix(path, module+"pkg/")
		layer, known := layers[imported]
		ok := known && (layer == toolLayer || layer == 1) || imported == "control/client" ||
			slices.Contains(strings.Fields(tools()[name]), imported)
		if ours && !ok {
			t.Errorf("the command %s imports %s", name, imported)
		}
	}
}

// checkEngine: no sockets, no files, no logs, no clock and no global randomness.
func checkEngine(t *testing.T, name string, p pkg) {
	for _, path := range p.Imports {
		root, rest, _ := strings.Cut(path, "/")
		switch {
		case root == "net" && rest != "netip", root == "os", path == module+"pkg/env", path == "log", path == "log/slog", path == "math/rand":
			t.Errorf("%s imports %s: an engine has no I/O", name, path)
		}
	}
	for _, file := range p.GoFiles {
		for _, use := range clockUses(t, filepath.Join(p.Dir, file)) {
			t.Errorf("%s: %s: the time is a parameter", name, use)
		}
	}
}

// clockUses finds what reads the clock or waits for it.
func clockUses(t *testing.T, path string) []string {
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, path, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	clock := strings.Fields("Now Since Until Sleep After AfterFunc Tick NewTimer NewTicker")
	var found []string
	ast.Inspect(f, func(n ast.Node) bool {
		s, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if x, ok := s.X.(*ast.Ident); ok && x.Name == "time" && slices.Contains(clock, s.Sel.Name) {
			found = append(found, fmt.Sprintf("%s: time.%s", fset.Position(s.Pos()), s.Sel.Name))
		}
		return true
	})
	return found
}
