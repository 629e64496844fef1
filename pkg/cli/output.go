package cli

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"i2ptoolkit/pkg/atomicfile"
	"io"
	"io/fs"
	"os"
	"text/tabwriter"

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

// Printf prints a line of text on stdout.
func Printf(format string, args ...any) error {
	_, err := fmt.Println(Clean(fmt.Sprintf(format, args...)))
	return err
}

// Table prints columns of text.
type Table struct{ w *tabwriter.Writer }

// NewTable begins a table on w.
func NewTable(w io.Writer) Table { return Table{tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)} }

// Row adds a line; cells are printed as fmt.Print does.
func (t Table) Row(cells ...any) {
	for i, c := range cells {
		if i > 0 {
			io.WriteString(t.w, "\t")
		}
		io.WriteString(t.w, Clean(fmt.Sprint(c)))
	}
	io.WriteString(t.w, "\n")
}

// Rowf adds a line with a name and a formatted text.
func (t Table) Rowf(name, format string, args ...any) { t.Row(name, fmt.Sprintf(format, args...)) }

// Flush writes what was added; its error is that of all writing.
func (t Table) Flush() error { return t.w.Flush() }

// IsTerminal tells whether f is one.
func IsTerminal(f *os.File) bool { return isatty.IsTerminal(f.Fd()) }

// PrintJSON prints v on stdout, on one line.
func PrintJSON(v any) error { return WriteJSON(os.Stdout, v) }

// MarshalJSON is v as JSON on a line, in the form that all programs print.
func MarshalJSON(v any) ([]byte, error) {
	var out bytes.Buffer
	err := WriteJSON(&out, v)
	return out.Bytes(), err
}

// WriteJSON writes v as PrintJSON does, in one piece.
func WriteJSON(w io.Writer, v any) error {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return err
	}
	_, err := w.Write(cleanJSON(out.Bytes()))
	return err
}

// PrintList prints items on stdout: one JSON object a line with --json, else what text
// makes of each.
func PrintList[T any](c *Context, items []T, text func(io.Writer, []T) error) error {
	w := bufio.NewWriter(os.Stdout)
	if c.Bool("json") {
		for _, item := range items {
			if err := WriteJSON(w, item); err != nil {
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
	if err := CheckBinaryOutput(c); err != nil {
		return err
	}
	return StreamOutput(c, whole(data))
}

// CheckBinaryOutput refuses a terminal for a result that is no text, unless -o asks for it:
// for those who want to know before they begin.
func CheckBinaryOutput(c *Context) error {
	if c.String("output") == "" && IsTerminal(os.Stdout) {
		return WithHint(Usagef("the result is binary, and stdout is a terminal"), "name a file with -o FILE, or insist with -o -")
	}
	return nil
}

// StreamOutput has a result written, piece by piece, to where -o says, or to stdout. A file
// is there once all of it was written, or not at all.
func StreamOutput(c *Context, write func(io.Writer) error) error {
	if path := c.String("output"); path != "" && path != "-" {
		return createFile(c.Context, path, c.Bool("force"), write)
	}
	return write(os.Stdout)
}

func whole(data []byte) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	}
}

// CreateFile writes a new file with mode 0600, whatever the umask. An existing file is an
// error, or replaced in one step with force; what is no regular file, such as /dev/null,
// is just written to.
func CreateFile(c *Context, path string, data []byte, force bool) error {
	return createFile(c.Context, path, force, whole(data))
}

// CreatePublic is CreateFile for what is for everybody, such as a certificate: its mode is 0644.
func CreatePublic(c *Context, path string, data []byte, force bool) error {
	if err := CreateFile(c, path, data, force); err != nil {
		return err
	}
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
		return err
	}
	return os.Chmod(path, 0o644)
}

func createFile(ctx context.Context, path string, force bool, write func(io.Writer) error) error {
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return fmt.Errorf("%s is a directory", path)
	case err == nil && !info.Mode().IsRegular():
		return writeDevice(ctx, path, write)
	case err == nil && !force:
		return exists(path)
	}
	if force {
		return atomicfile.Write(path, write)
	}
	if err = atomicfile.Create(path, write); errors.Is(err, fs.ErrExist) {
		return exists(path)
	}
	return err
}

func exists(path string) error {
	return WithHint(fmt.Errorf("%s exists already", path), "--force replaces it")
}

// writeDevice writes to what is no regular file. Waiting for its reader ends with ctx.
func writeDevice(ctx context.Context, path string, write func(io.Writer) error) error {
	f, err := await(ctx, func() (*os.File, error) { return os.OpenFile(path, os.O_WRONLY, 0) })
	if err != nil {
		return err
	}
	return errors.Join(write(&device{ctx, f}), f.Close())
}

// device is written to until the end of a context.
type device struct {
	ctx  context.Context
	file *os.File
}

func (d *device) Write(b []byte) (int, error) {
	own := bytes.Clone(b) // the caller may go on without what waits
	return await(d.ctx, func() (int, error) { return d.file.Write(own) })
}
