//go:build !race

package layers_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// targets are the systems and machines that all six programs are for.
var targets = []string{
	"linux/amd64", "linux/arm64", "linux/arm", "linux/386", "linux/riscv64",
	"darwin/amd64", "darwin/arm64",
	"windows/amd64", "windows/arm64", "windows/386",
	"freebsd/amd64", "freebsd/arm64", "freebsd/arm", "freebsd/386",
	"android/amd64", "android/arm64", "android/arm", "android/386",
}

// TestTargets checks the types of the programs, and of all that they are made of, as each
// target has them: what a system lacks, and numbers that a machine's words cannot hold. It is
// a build without the code, which for all of them would take very long (the race detector
// would add nothing, and time).
func TestTargets(t *testing.T) {
	c := &checker{fset: token.NewFileSet(), files: make(map[string]*ast.File)}
	for _, target := range targets {
		t.Run(strings.ReplaceAll(target, "/", "-"), func(t *testing.T) {
			for _, err := range c.check(t, target) {
				t.Error(err)
			}
		})
	}
}

// checker keeps the files that are parsed: most are the same for all targets.
type checker struct {
	fset  *token.FileSet
	files map[string]*ast.File
}

// listed is what go list says of a package.
type listed struct {
	ImportPath string
	Dir        string
	Standard   bool
	GoFiles    []string
	ImportMap  map[string]string
	Error      *struct{ Err string }
}

// listFor lists the programs and all that they need, the needed ones first.
func listFor(t *testing.T, target string) (all []listed) {
	t.Helper()
	system, machine, _ := strings.Cut(target, "/")
	cmd := exec.Command("go", "list", "-e", "-deps", "-json=ImportPath,Dir,Standard,GoFiles,ImportMap,Error", "./cmd/...")
	cmd.Dir, cmd.Stderr = "..", os.Stderr
	cgo := "CGO_ENABLED=0"
	if system == "android" { // some of its machines link with its own compiler alone
		cgo = "CGO_ENABLED=1"
	}
	cmd.Env = append(os.Environ(), cgo, "GOFLAGS=", "GOOS="+system, "GOARCH="+machine)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	for in := json.NewDecoder(out); ; {
		var p listed
		if err := in.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	return all
}

// check gives what is wrong for a target.
func (c *checker) check(t *testing.T, target string) (wrong []error) {
	t.Helper()
	_, machine, _ := strings.Cut(target, "/")
	done := map[string]*types.Package{"unsafe": types.Unsafe}
	for _, p := range listFor(t, target) {
		if p.ImportPath == "unsafe" {
			continue
		}
		if p.Error != nil {
			return append(wrong, errors.New(p.Error.Err))
		}
		cfg := types.Config{
			Sizes:            types.SizesFor("gc", machine),
			IgnoreFuncBodies: p.Standard, // they build where Go does
			FakeImportC:      true,
			Importer:         importer{done, p.ImportMap},
			Error: func(err error) {
				if !p.Standard && len(wrong) < 20 {
					wrong = append(wrong, err)
				}
			},
		}
		files, err := c.parse(p)
		if err != nil {
			return append(wrong, err)
		}
		done[p.ImportPath], _ = cfg.Check(p.ImportPath, c.fset, files, nil) // Error has it
	}
	return wrong
}

func (c *checker) parse(p listed) (files []*ast.File, err error) {
	for _, name := range p.GoFiles {
		path := filepath.Join(p.Dir, name)
		f := c.files[path]
		if f == nil {
			if f, err = parser.ParseFile(c.fset, path, nil, parser.SkipObjectResolution); err != nil {
				return nil, err
			}
			c.files[path] = f
		}
		files = append(files, f)
	}
	return files, nil
}

// importer gives packages that were checked before.
type importer struct {
	done map[string]*types.Package
	as   map[string]string // what the standard library's own copies are called
}

func (i importer) Import(path string) (*types.Package, error) {
	if as := i.as[path]; as != "" {
		path = as
	}
	if p := i.done[path]; p != nil {
		return p, nil
	}
	return nil, fmt.Errorf("%s is not among what go list gave", path)
}
