package layers_test

import (
	"fmt"
	"go/ast"
	"go/token"
	"slices"
	"strconv"
	"strings"
	"testing"
)

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
