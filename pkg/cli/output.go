package cli

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/mattn/go-isatty"
)

// JSONFlag asks for JSON.
func JSONFlag() Flag {
	return &BoolFlag{Name: "json", Usage: "print JSON: one object, or one a line for lists"}
}

// NulFlag asks for NUL after each item of a list.
func NulFlag() Flag {
	return &BoolFlag{Name: "0", Usage: "end list items with NUL instead of newline"}
}

// OutputFlag names the file that the result goes to.
func OutputFlag() Flag {
	return &StringFlag{Name: "output", Aliases: []string{"o"}, Usage: "write to a new `FILE` (- is stdout, even if it is a terminal)"}
}

// ForceFlag allows OutputFlag to replace a file.
func ForceFlag() Flag {
	return &BoolFlag{Name: "force", Usage: "replace the output file if it exists"}
}

// rememberingWriter remembers that writing failed, for those who do not look: urfave/cli
// prints its help with no word of it.
type rememberingWriter struct {
	w   io.Writer
	err error
}

func (w *rememberingWriter) Write(b []byte) (int, error) {
	n, err := w.w.Write(b)
	if w.err == nil {
		w.err = err
	}
	return n, err
}

// IsTerminal tells whether f is one.
func IsTerminal(f *os.File) bool { return isatty.IsTerminal(f.Fd()) }

// PrintJSON prints v on stdout, on one line.
func PrintJSON(v any) error {
	enc := json.NewEncoder(os.Stdout)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// PrintList prints items on stdout: one JSON object a line with --json, else what text
// makes of each.
func PrintList[T any](c *Context, items []T, text func(io.Writer, []T) error) error {
	w := bufio.NewWriter(os.Stdout)
	if c.Bool("json") {
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		for _, item := range items {
			if err := enc.Encode(item); err != nil {
				return err
			}
		}
		return w.Flush()
	}
	if err := text(w, items); err != nil {
		return err
	}
	return w.Flush()
}

// End is what ends a list item: newline, or NUL with -0.
func End(c *Context) string {
	if c.Bool("0") {
		return "\x00"
	}
	return "\n"
}

// WriteOutput writes a result that is no text to where -o says, or to stdout unless that
// is a terminal.
func WriteOutput(c *Context, data []byte) error {
	path := c.String("output")
	if path != "" && path != "-" {
		return CreateFile(path, data, c.Bool("force"))
	}
	if path == "" && IsTerminal(os.Stdout) {
		return WithHint(Usagef("the result is binary, and stdout is a terminal"), "name a file with -o FILE, or insist with -o -")
	}
	_, err := os.Stdout.Write(data)
	return err
}

// CreateFile writes a new file with mode 0600, whatever the umask. An existing file is an
// error, or replaced in one step with force; what is no regular file, such as /dev/null,
// is just written to.
func CreateFile(path string, data []byte, force bool) error {
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return fmt.Errorf("%s is a directory", path)
	case err == nil && !info.Mode().IsRegular():
		return writeDevice(path, data)
	case err == nil && !force:
		return exists(path)
	}
	if force {
		return replaceFile(path, data)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return exists(path)
	}
	if err != nil {
		return err
	}
	if err := fill(f, data); err != nil {
		os.Remove(path)
		return err
	}
	return nil
}

func exists(path string) error {
	return WithHint(fmt.Errorf("%s exists already", path), "--force replaces it")
}

func writeDevice(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}

func replaceFile(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	err = fill(f, data)
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}

// fill writes a new file to the disk and closes it.
func fill(f *os.File, data []byte) error {
	_, err := f.Write(data)
	if err == nil {
		err = f.Chmod(0o600)
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// ReadInput reads a whole file, or stdin for "-", up to limit bytes: more is bad data.
func ReadInput(path string, limit int64) ([]byte, error) {
	f, name := os.Stdin, "stdin"
	if path != "-" {
		var err error
		if f, err = os.Open(path); err != nil {
			return nil, err
		}
		defer f.Close()
		name = path
	}
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if int64(len(b)) > limit {
		return nil, Dataf("%s: more than %d bytes", name, limit)
	}
	return b, nil
}
