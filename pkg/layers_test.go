// Package layers_test executes the layer table of the architecture: who may import whom,
// what engines must not touch, and what tests and log calls keep to. It reads every Go file,
// whatever system it is for.
package layers_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// testsOnly is the layer of packages that only tests, and each other, import.
const testsOnly = -1

// layers are the packages of each layer. A package imports lower layers only, and edges.
var layers = []struct{ what, names string }{
	{"primitives", "aescbc bucket buf deadline draw env mailbox origin quota tally noise kem elgamal elligator sign"},
	{"codecs", "i2p routerinfo leaseset i2np i2cp su3 datagram control hostrecord httpmsg family words options forward/plan forward/foreign"},
	{"engines", "ntcp2 ssu2 ssu2/recovery ssu2/session ratchet elgamalaes tunnel netdb profile presence reach streaming vanity"},
	{"node", "atomicfile filelock sealed udploss unixsocket geoip transport transport/ntcp2link transport/ssu2link portmap netdbdir reseed reseed/fetch reseed/join reseed/serve router client sockets destinations control/client naming"},
	{"doors", "bob door i2cpserver i2pcontrol forward forward/access forward/splice httpproxy httpserver irc control/server sam socks udpforward"},
	{"composition", "config config/reload control/answers doctor metrics node devnet cli cli/record processors"},
}

// forTests are the packages of the layer testsOnly.
const forTests = "attack buf/buftest simnet simnet/mesh simnet/nat simtest simtest/botnet simtest/lookups simtest/swarm interop interop/netns interop/wan sam/samtest vectors cli/clitest control/controltest reseed/reseedtest transport/sockstest"

// table gives every package its layer.
func table() map[string]int {
	t := make(map[string]int)
	for layer, l := range layers {
		for name := range strings.FieldsSeq(l.names) {
			t[name] = layer
		}
	}
	for name := range strings.FieldsSeq(forTests) {
		t[name] = testsOnly
	}
	return t
}

// edges are the imports within a layer.
func edges() map[string]string {
	return map[string]string{
		"elgamal":    "draw",
		"elligator":  "draw noise",
		"env":        "draw",
		"kem":        "draw",
		"noise":      "draw",
		"sign":       "draw",
		"routerinfo": "i2p",
		"leaseset":   "i2p",
		"i2np":       "i2p routerinfo leaseset",
		"i2cp":       "i2p leaseset",
		"datagram":   "i2p",
		"options":    "i2np i2p leaseset",
		"hostrecord": "i2p",

		"bob":          "door forward/splice",
		"i2pcontrol":   "door",
		"forward":      "door forward/access forward/splice httpproxy httpserver irc socks udpforward",
		"forward/plan": "i2p options",

		"forward/foreign": "forward/plan i2p options",

		"control":    "datagram forward/plan i2p", // the API carries plans and datagrams
		"cli/record": "cli",                       // prints as all programs do
		"family":     "i2p routerinfo",
		"netdb":      "profile",
		"client":     "sockets", // a destination owns its streams
		"naming":     "atomicfile",
		"node":       "config config/reload control/answers metrics",
		"devnet":     "config node",
		"httpproxy":  "forward/splice",
		"httpserver": "forward/splice",
		"irc":        "forward/splice",
		"sam":        "door forward/splice",
		"socks":      "forward/splice",

		"destinations": "client router sockets",

		"config/reload":   "config",
		"control/answers": "config doctor",
		"metrics":         "config/reload control/answers",

		"ssu2/session": "ssu2 ssu2/recovery",

		"transport/ntcp2link": "transport", // drivers of the table
		"transport/ssu2link":  "transport",

		"netdbdir":     "atomicfile",
		"sealed":       "atomicfile",
		"reseed":       "netdbdir",
		"reseed/serve": "atomicfile",
		"reseed/fetch": "netdbdir reseed",
		"reseed/join":  "reseed/fetch",
	}
}

// tools are what commands import beside L5, L1 and the control client.
func tools() map[string]string {
	return map[string]string{
		"i2p-lookup": "naming filelock",                 // reads address books without a router
		"i2p-netdb":  "atomicfile geoip netdbdir netdb", // reads directories without a router, and knows where a key lies
		"i2p-keygen": "sign vanity filelock",            // names signature types, and searches for addresses
		"i2p-router": "door",                            // hashes passwords as doors keep them
		"i2p-reseed": "atomicfile netdbdir reseed reseed/fetch reseed/serve",
	}
}

const (
	lastEngine = 2 // the highest layer without I/O, clocks and goroutines
	toolLayer  = 5
	module     = "i2ptoolkit/"
)

// source is one Go file.
type source struct {
	fset    *token.FileSet
	file    *ast.File
	test    bool
	imports []string
	names   map[string]string // what imports are called in this file
}

// files parses all Go files, by the directory that they are in.
func files(t *testing.T) map[string][]*source {
	t.Helper()
	all := make(map[string][]*source)
	for _, root := range []string{"../pkg", "../cmd"} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case d.IsDir() && d.Name() == "testdata":
				return fs.SkipDir
			case d.IsDir() || !strings.HasSuffix(path, ".go"):
				return nil
			}
			s, err := parse(path)
			dir := strings.TrimPrefix(filepath.ToSlash(filepath.Dir(path)), "../")
			all[dir] = append(all[dir], s)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return all
}

func parse(path string) (*source, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return parseText(path, b)
}

func parseText(path string, text []byte) (*source, error) {
	s := &source{fset: token.NewFileSet(), test: strings.HasSuffix(path, "_test.go"), names: make(map[string]string)}
	var err error
	if s.file, err = parser.ParseFile(s.fset, path, text, parser.SkipObjectResolution|parser.ParseComments); err != nil {
		return nil, err
	}
	for _, i := range s.file.Imports {
		imported, err := strconv.Unquote(i.Path.Value)
		if err != nil {
			return nil, err
		}
		s.imports = append(s.imports, imported)
		name := imported[strings.LastIndexByte(imported, '/')+1:]
		if name == "v2" {
			name = filepath.Base(filepath.Dir(imported))
		}
		if i.Name != nil {
			name = i.Name.Name
		}
		s.names[name] = imported
	}
	return s, nil
}

func (s *source) at(n ast.Node) token.Position { return s.fset.Position(n.Pos()) }

// uses tells which name of an imported package an expression is, whatever the file calls it.
func (s *source) uses(n ast.Node) (path, name string) {
	sel, ok := n.(*ast.SelectorExpr)
	if !ok {
		return "", ""
	}
	x, ok := sel.X.(*ast.Ident)
	if !ok {
		return "", ""
	}
	return s.names[x.Name], sel.Sel.Name
}

func TestLayers(t *testing.T) {
	table := table()
	all := files(t)
	for dir, sources := range all {
		name, isLibrary := strings.CutPrefix(dir, "pkg/")
		layer, known := table[name]
		if isLibrary && !known {
			t.Errorf("%s is in no layer: add it to the table", name)
			continue
		}
		for _, s := range sources {
			switch {
			case dir == "pkg": // this package
			case !isLibrary:
				checkCommand(t, table, strings.TrimPrefix(dir, "cmd/"), s)
			case layer != testsOnly:
				checkImports(t, table, name, s)
			}
			if isLibrary && layer != testsOnly && layer <= lastEngine && !s.test && name != "env" { // which hands out what engines must not have
				for _, problem := range engineProblems(s) {
					t.Errorf("%s: %s", name, problem)
				}
			}
			for _, problem := range habits(s, layer == testsOnly && isLibrary) {
				t.Error(problem)
			}
		}
		if layer != testsOnly || !isLibrary {
			for _, problem := range sleeps(sources) {
				t.Error(problem)
			}
		}
	}
	for name := range table {
		if all["pkg/"+name] == nil {
			t.Errorf("the table has %s, which is not there", name)
		}
	}
}

// checkImports: lower layers and edges only. A package's tests may use what is for tests
// besides, and anything that is below it or beside it; only who stands above the engines may
// need more for a whole network.
func checkImports(t *testing.T, table map[string]int, name string, s *source) {
	for _, path := range s.imports {
		imported, ours := strings.CutPrefix(path, module+"pkg/")
		if !ours || imported == name {
			continue
		}
		layer := table[name]
		below, known := table[imported]
		allowed := known && below != testsOnly && below < layer || slices.Contains(strings.Fields(edges()[name]), imported)
		if s.test {
			allowed = known && (below <= layer || layer > lastEngine)
		}
		if !allowed {
			t.Errorf("%s: %s (layer %d) imports %s (layer %d)", s.at(s.file), name, layer, imported, below)
		}
	}
}

// checkCommand: the tools import L5, L1 and the control client only.
func checkCommand(t *testing.T, table map[string]int, name string, s *source) {
	for _, path := range s.imports {
		imported, ours := strings.CutPrefix(path, module+"pkg/")
		layer, known := table[imported]
		ok := known && (layer == toolLayer || layer == 1) || imported == "control/client" ||
			slices.Contains(strings.Fields(tools()[name]), imported)
		if ours && !ok && !s.test {
			t.Errorf("%s: the command %s imports %s", s.at(s.file), name, imported)
		}
	}
}

// forbidden are the imports that no engine has: I/O, the system, logs, and randomness that is
// not handed in.
func forbidden(name, path string) bool {
	root, rest, _ := strings.Cut(path, "/")
	switch {
	case root == "net":
		return rest != "netip"
	case path == "golang.org/x/sys/cpu":
		return false
	case root == "os", root == "syscall", strings.HasPrefix(path, "golang.org/x/sys"), path == "log", path == "log/slog", path == "math/rand", path == module+"pkg/env":
		return true
	case path == "crypto/rand":
		return name != "draw"
	}
	return false
}
