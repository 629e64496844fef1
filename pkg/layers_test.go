// Package layers_test executes the layer table of the architecture: who may import whom,
// what engines must not touch, and what tests and log calls keep to. It reads every Go file,
// whatever system it is for.
package layers_test

import (
	"fmt"
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
	{"node", "atomicfile filelock sealed unixsocket geoip transport transport/ntcp2link transport/ssu2link portmap netdbdir reseed reseed/fetch reseed/join reseed/serve router client sockets destinations control/client naming"},
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
		"i2p-keygen": "sign vanity",                     // names signature types, and searches for addresses
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

// engineProblems finds what an engine must not do: wait, read the clock, draw from a source
// of the process, or run beside its caller.
func engineProblems(s *source) (problems []string) {
	bad := func(n ast.Node, why string) { problems = append(problems, fmt.Sprintf("%s: %s", s.at(n), why)) }
	for _, path := range s.imports {
		if forbidden(s.file.Name.Name, path) {
			bad(s.file, "imports "+path+": an engine has no I/O, no log and no source of its own")
		}
	}
	if s.names["."] != "" {
		bad(s.file, "imports with a dot: nobody sees whose a name is")
	}
	clock := strings.Fields("Now Since Until Sleep After AfterFunc Tick NewTimer NewTicker")
	ownSource := strings.Fields("New NewPCG NewChaCha8 NewZipf Rand PCG ChaCha8 Source Zipf")
	ast.Inspect(s.file, func(n ast.Node) bool {
		if g, ok := n.(*ast.GoStmt); ok {
			bad(g, "starts a goroutine: an engine runs in its caller's")
		}
		switch path, name := s.uses(n); {
		case path == "time" && slices.Contains(clock, name):
			bad(n, "time."+name+": the time is a parameter")
		case path == "math/rand/v2" && !slices.Contains(ownSource, name):
			bad(n, "rand."+name+": the source of randomness is a parameter")
		case path == "context" && (name == "Background" || strings.HasPrefix(name, "With")):
			bad(n, "context."+name+": an engine is not waited for")
		}
		return true
	})
	return problems
}

// habits are what holds everywhere: what is made for tests stays there, and logs are keys and
// values.
func habits(s *source, forTests bool) (problems []string) {
	if s.test || forTests {
		return nil
	}
	for _, path := range s.imports {
		if path == "testing" || strings.HasPrefix(path, "testing/") || path == "crypto/mlkem/mlkemtest" {
			problems = append(problems, fmt.Sprintf("%s: imports %s, which is for tests", s.at(s.file), path))
		}
	}
	ast.Inspect(s.file, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok {
			if why := logProblem(call); why != "" {
				problems = append(problems, fmt.Sprintf("%s: %s", s.at(n), why))
			}
		}
		return true
	})
	return problems
}

// logProblem looks at what may be a log call: one of the methods' names, on something called
// a log, with a message. go vet sees a value that is missing; this, messages that are put
// together, and keys that are not words.
func logProblem(call *ast.CallExpr) string {
	sel, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || len(call.Args) == 0 {
		return ""
	}
	if level := slices.Contains(strings.Fields("Debug Info Warn Error"), sel.Sel.Name) && isLog(sel.X); !level && sel.Sel.Name != "log" {
		return ""
	}
	_, passedOn := call.Args[0].(*ast.Ident)
	if passedOn && call.Ellipsis.IsValid() {
		return "" // by a method called log, whose callers are looked at
	}
	if _, ok := literal(call.Args[0]); !ok {
		return "the message of a log line is one text, and what changes are values: it can be searched for"
	}
	args := call.Args[1:]
	if call.Ellipsis.IsValid() {
		args = args[:len(args)-1]
	}
	for i := 0; i < len(args); i += 2 {
		key, ok := literal(args[i])
		if !ok {
			return "a key of a log line is a text"
		}
		if key == "" || strings.Trim(key, "abcdefghijklmnopqrstuvwxyz0123456789_") != "" {
			return fmt.Sprintf("the key %q of a log line is no lower-case word", key)
		}
	}
	if len(args)%2 != 0 {
		return "a log line has a key without a value"
	}
	return ""
}

// isLog: a logger is a variable or field called log, whatever its case.
func isLog(x ast.Expr) bool {
	switch x := x.(type) {
	case *ast.Ident:
		return strings.EqualFold(x.Name, "log") || x.Name == "slog" || strings.EqualFold(x.Name, "logger")
	case *ast.SelectorExpr:
		return strings.EqualFold(x.Sel.Name, "log") || strings.EqualFold(x.Sel.Name, "logger")
	}
	return false
}

func literal(e ast.Expr) (string, bool) {
	l, ok := e.(*ast.BasicLit)
	if !ok || l.Kind != token.STRING {
		return "", false
	}
	s, err := strconv.Unquote(l.Value)
	return s, err == nil
}

// sleeps finds tests of a package that wait for a time instead of a condition. In a bubble of
// synctest time is only a number; elsewhere a sleep is a step of a loop that polls.
func sleeps(sources []*source) (problems []string) {
	for _, s := range sources {
		if s.test && slices.Contains(s.imports, "testing/synctest") {
			return nil
		}
	}
	for _, s := range sources {
		if !s.test {
			continue
		}
		loops := 0
		var look func(n ast.Node) bool
		look = func(n ast.Node) bool {
			if f, ok := n.(*ast.ForStmt); ok {
				loops++
				for _, part := range []ast.Node{f.Init, f.Cond, f.Post, f.Body} {
					if part != nil {
						ast.Inspect(part, look)
					}
				}
				loops--
				return false
			}
			if path, name := s.uses(n); path == "time" && name == "Sleep" && loops == 0 {
				problems = append(problems, fmt.Sprintf("%s: a test that sleeps: wait for a condition, or in a bubble", s.at(n)))
			}
			return true
		}
		ast.Inspect(s.file, look)
	}
	return problems
}

// TestRules: what the rules are there for is found, by whatever name.
func TestRules(t *testing.T) {
	problems := func(name, text string) []string {
		s, err := parseText(name, []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if s.test {
			return sleeps([]*source{s})
		}
		return slices.Concat(engineProblems(s), habits(s, false))
	}
	for _, text := range []string{
		"package x; import clock `time`; var now = clock.Now",
		"package x; import `time`; func f() { time.AfterFunc(1, f) }",
		"package x; import . `time`; var now = Now()",
		"package x; func f() { go f() }",
		"package x; import dice `math/rand/v2`; var n = dice.IntN(2)",
		"package x; import `math/rand`",
		"package x; import `crypto/rand`",
		"package x; import `syscall`",
		"package x; import `golang.org/x/sys/unix`",
		"package x; import `net`",
		"package x; import `net/http`",
		"package x; import `os`",
		"package x; import `os/exec`",
		"package x; import `log/slog`",
		"package x; import `i2ptoolkit/pkg/env`",
		"//go:build plan9\n\npackage x; import `time`; var now = time.Now",
		"package x; import `crypto/mlkem/mlkemtest`",
		"package x; import `testing`",
		"package x; func f() { c.Log.Info(`a ` + `b`) }",
		"package x; func f() { c.Log.Info(`ended`, `why`) }",
		"package x; func f() { log.Debug(`ended`, `Why`, 1) }",
		"package x; func f() { log.Debug(`ended`, key, 1) }",
		"package x; func f() { s.log(`ended`, `Why`, 1) }",
	} {
		if len(problems("x.go", text)) == 0 {
			t.Errorf("nothing was found wrong with %s", text)
		}
	}
	for _, text := range []string{
		"package x; import (`time`; `net/netip`; `math/rand/v2`; `golang.org/x/sys/cpu`); var d = time.Second; var r = rand.New(rand.NewChaCha8(s))",
		"package x; func f() { c.Log.Info(`ended`, `why`, 1, `took_ms`, 2); t.Error(`a`, b); err.Error() }",
		"package x; func (s S) log(m string, a ...any) { s.l.Log.Debug(m, append(own, a...)...) }",
	} {
		if p := problems("x.go", text); len(p) != 0 {
			t.Errorf("%s: %q", text, p)
		}
	}
	for text, bad := range map[string]bool{
		"package x; import `time`; func f() { time.Sleep(1) }":                         true,
		"package x; import `time`; func f() { for !done() { time.Sleep(1) } }":         false,
		"package x; import `time`; func f() { for ; !done(); time.Sleep(1) {} }":       false,
		"package x; import (`time`; _ `testing/synctest`); func f() { time.Sleep(1) }": false,
		"package x; import nap `time`; func f() { for range 3 {}; nap.Sleep(1) }":      true,
	} {
		if p := problems("x_test.go", text); (len(p) != 0) != bad {
			t.Errorf("%s: %q", text, p)
		}
	}
}
