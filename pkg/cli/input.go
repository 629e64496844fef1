package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"i2ptoolkit/pkg/su3"
	"i2ptoolkit/pkg/words"
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
func OpenInput(c *Context, path string) (io.ReadCloser, error) { return openInput(c, path) }

func openInput(c *Context, path string) (*input, error) {
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
		if _, ok := in.regular(); ok {
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

// regular gives the size of a file that can be read in any order, and keeps nobody waiting.
func (in *input) regular() (size int64, ok bool) {
	info, err := in.file.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return 0, false
	}
	return info.Size(), true
}

// Close closes a file, but not stdin.
func (in *input) Close() error {
	if in.file == os.Stdin {
		return nil
	}
	return in.file.Close()
}

// Peeked is an input whose kind is known by its beginning, before any of it is read.
type Peeked struct {
	Name string // for errors
	Zip  bool
	*bufio.Reader
	input *input
	copy  *os.File // of what can be read only once, for Section
}

// maxPeek bounds what of a Peeked can be looked at.
const maxPeek = 64 << 10

// PeekInput is OpenInput for what may be of several kinds.
func PeekInput(c *Context, path string) (*Peeked, error) {
	in, err := openInput(c, path)
	if err != nil {
		return nil, err
	}
	p := &Peeked{Name: InputName(path), Reader: bufio.NewReaderSize(in, maxPeek), input: in}
	beginning, err := p.Peek(4)
	if err != nil && err != io.EOF {
		in.Close()
		return nil, err
	}
	p.Zip = su3.IsZip(beginning)
	return p, nil
}

// Close closes the input, but not stdin.
func (p *Peeked) Close() error {
	if p.copy != nil {
		p.copy.Close()
		os.Remove(p.copy.Name())
	}
	return p.input.Close()
}

// ReadAll reads what is left, up to limit bytes: more is bad data.
func (p *Peeked) ReadAll(limit int64) ([]byte, error) { return readAll(p, limit) }

func readAll(r io.Reader, limit int64) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err == nil && int64(len(b)) > limit {
		return nil, Dataf("more than %d bytes", limit)
	}
	return b, err
}

// Section gives what is left for reading in any order, as zips need it. Of a pipe or a terminal
// it copies one byte more than limit at most to a file, which is there until Close.
func (p *Peeked) Section(limit int64) (*io.SectionReader, error) {
	if size, ok := p.input.regular(); ok {
		at, err := p.input.file.Seek(0, io.SeekCurrent)
		if err != nil {
			return nil, err
		}
		at -= int64(p.Buffered())
		return io.NewSectionReader(p.input.file, at, size-at), nil
	}
	f, err := os.CreateTemp("", "i2p-*")
	if err != nil {
		return nil, err
	}
	p.copy = f
	n, err := io.Copy(f, io.LimitReader(p, limit+1))
	return io.NewSectionReader(f, 0, n), err
}

// ReadInput reads a whole file, or stdin for "-", up to limit bytes: more is bad data.
func ReadInput(c *Context, path string, limit int64) ([]byte, error) {
	f, err := OpenInput(c, path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := readAll(f, limit)
	var inner *fs.PathError
	if errors.As(err, &inner) {
		err = inner.Err // the name is said once
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", InputName(path), err)
	}
	return b, nil
}

// ReadText is ReadInput for text, and for keys that may be text: without the byte order marks
// that editors and consoles of some systems begin it with.
func ReadText(c *Context, path string, limit int64) ([]byte, error) {
	b, err := ReadInput(c, path, limit)
	return words.Unmarked(b), err
}
