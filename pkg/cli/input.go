package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// StandardInput is what errors call stdin.
const StandardInput = "standard input"

// InputName is what errors call an input: its path, or StandardInput for "-".
func InputName(path string) string {
	if path == "-" {
		return StandardInput
	}
	return path
}

// OpenInput opens a file, or stdin for "-". Waiting for it, as for a pipe that nobody writes
// to, ends with the program's context.
func OpenInput(c *Context, path string) (io.ReadCloser, error) {
	if path == "-" {
		return &input{ctx: c.Context, file: os.Stdin}, nil
	}
	f, err := await(c.Context, func() (*os.File, error) { return os.Open(path) })
	if err != nil {
		return nil, err
	}
	return &input{ctx: c.Context, file: f}, nil
}

// input is a file that is read until its end, or that of a context.
type input struct {
	ctx  context.Context
	file *os.File
	buf  []byte // of what may keep us waiting: no caller's, who may go on without it
	rest []byte // what is left of it
	err  error
}

func (in *input) Read(b []byte) (int, error) {
	if in.err == nil && in.buf == nil {
		if info, err := in.file.Stat(); err == nil && info.Mode().IsRegular() {
			if in.ctx.Err() != nil {
				return 0, context.Cause(in.ctx)
			}
			return in.file.Read(b)
		}
		in.buf = make([]byte, 64<<10)
	}
	if len(in.rest) == 0 && in.err == nil {
		var n int
		n, in.err = await(in.ctx, func() (int, error) { return in.file.Read(in.buf) })
		in.rest = in.buf[:n]
	}
	if len(in.rest) == 0 {
		return 0, in.err
	}
	n := copy(b, in.rest)
	in.rest = in.rest[n:]
	return n, nil
}

// Close closes a file, but not stdin.
func (in *input) Close() error {
	if in.file == os.Stdin {
		return nil
	}
	return in.file.Close()
}

// ReadInput reads a whole file, or stdin for "-", up to limit bytes: more is bad data.
func ReadInput(c *Context, path string, limit int64) ([]byte, error) {
	f, err := OpenInput(c, path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	name := InputName(path)
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	var inner *fs.PathError
	if errors.As(err, &inner) {
		err = inner.Err // the name is said once
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if int64(len(b)) > limit {
		return nil, Dataf("%s: more than %d bytes", name, limit)
	}
	return b, nil
}

// ReadText is ReadInput for text, and for keys that may be text: without the byte order marks
// that editors and consoles of some systems begin it with.
func ReadText(c *Context, path string, limit int64) ([]byte, error) {
	b, err := ReadInput(c, path, limit)
	return Unmarked(b), err
}

// Unmarked is text without a byte order mark.
func Unmarked(text []byte) []byte { return bytes.TrimPrefix(text, []byte("\ufeff")) }
