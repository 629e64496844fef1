package atomicfile

import (
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// holds tells what is in a directory: its files' names and contents.
func holds(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string]string)
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		all[e.Name()] = string(b)
		info, err := e.Info()
		if err == nil && runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", e.Name(), info.Mode())
		}
	}
	return all
}

func TestWrite(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	for name, write := range map[string]func(b []byte) error{
		"durable": func(b []byte) error { return WriteBytes(path, b) },
		"cache":   func(b []byte) error { return WriteCache(path, b) },
	} {
		for _, text := range []string{name, name + " again", ""} {
			if err := write([]byte(text)); err != nil {
				t.Fatal(err)
			}
			if got := holds(t, dir); len(got) != 1 || got["a"] != text {
				t.Errorf("%s: there is %q, want a with %q", name, got, text)
			}
		}
	}
}

var errHalf = errors.New("half of it")

func half(w io.Writer) error {
	w.Write([]byte("half"))
	return errHalf
}

// What fails midway leaves what was there, and nothing else.
func TestFailure(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	if err := Create(path, half); !errors.Is(err, errHalf) {
		t.Errorf("error %v, want %v", err, errHalf)
	}
	if got := holds(t, dir); len(got) != 0 {
		t.Errorf("there is %q, want nothing", got)
	}
	if err := Create(path, content([]byte("old"))); err != nil {
		t.Fatal(err)
	}
	if err := Write(path, half); !errors.Is(err, errHalf) {
		t.Errorf("error %v, want %v", err, errHalf)
	}
	if err := Create(path, content([]byte("new"))); !errors.Is(err, fs.ErrExist) {
		t.Errorf("error %v, want %v", err, fs.ErrExist)
	}
	if got := holds(t, dir); len(got) != 1 || got["a"] != "old" {
		t.Errorf("there is %q, want a with old", got)
	}
	lost := filepath.Join(dir, "none", "a")
	if err := WriteBytes(lost, nil); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), lost) {
		t.Errorf("error %v, want %v of %s", err, fs.ErrNotExist, lost)
	}
}

// While a new file is written it has no name yet, under which others would find a part of it.
func TestCreate(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	err := Create(path, func(w io.Writer) error {
		if _, err := io.WriteString(w, "half, "); err != nil {
			return err
		}
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("error %v, want %v", err, fs.ErrNotExist)
		}
		_, err := io.WriteString(w, "all")
		return err
	})
	if got := holds(t, dir); err != nil || len(got) != 1 || got["a"] != "half, all" {
		t.Errorf("there is %q, error %v", got, err)
	}
}

// Not every file system has links: nothing is replaced there either.
func TestCreateWithoutLinks(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	move := func(from, to string) error {
		return moveNew(from, to, func(string, string) error { return errors.ErrUnsupported })
	}
	if err := put(path, content([]byte("old")), move); err != nil {
		t.Error(err)
	}
	if err := put(path, content([]byte("new")), move); !errors.Is(err, fs.ErrExist) {
		t.Errorf("error %v, want %v", err, fs.ErrExist)
	}
	if got := holds(t, dir); len(got) != 1 || got["a"] != "old" {
		t.Errorf("there is %q, want a with old", got)
	}
}

func TestClear(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"keys", ".keys.123", ".keys.9", ".info.4", ".other.1", "keys.1", ".keys.bak", ".keys.1.swp", ".keys."} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := Clear(dir, "keys", "info"); err != nil {
		t.Error(err)
	}
	got := slices.Sorted(maps.Keys(holds(t, dir)))
	if want := []string{".keys.", ".keys.1.swp", ".keys.bak", ".other.1", "keys", "keys.1"}; !slices.Equal(got, want) {
		t.Errorf("there is %q, want %q", got, want)
	}
}

// TestLongName: a name may be as long as the system takes it, and what is left half-written is found.
func TestLongName(t *testing.T) {
	dir := t.TempDir()
	name := strings.Repeat("é", 127) + "a" // 255 bytes
	if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
		t.Skip("the system has shorter names: ", err)
	}
	for what, write := range map[string]func(path string, write func(io.Writer) error) error{"Write": Write, "Create": Create} {
		os.Remove(filepath.Join(dir, name))
		if err := write(filepath.Join(dir, name), content([]byte("b"))); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	f, err := temporary(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	if err := Clear(dir, name); err != nil {
		t.Error(err)
	}
	if got := holds(t, dir); len(got) != 1 || got[name] != "b" {
		t.Errorf("there is %q", got)
	}
}

// What fails is told of the file that was asked for: nobody knows its temporary name.
func TestErrorNamesFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	err := Write(path, func(w io.Writer) error {
		w.(io.Closer).Close()
		_, err := w.Write([]byte("b"))
		return err
	})
	if want := "write " + path + ": file already closed"; err == nil || strings.SplitN(err.Error(), "\n", 2)[0] != want {
		t.Errorf("error %v, want %s", err, want)
	}
}
