package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"

	"i2ptoolkit/pkg/cli"
	"i2ptoolkit/pkg/netdbdir"
	"i2ptoolkit/pkg/routerinfo"
)

// maxSpooled bounds the zip of a large netDb that does not come from a file.
const maxSpooled = 256 << 20

// load reads RouterInfos from a file, a directory, a zip, a pipe, or stdin for "-". passed is
// told of the files in it that are passed over.
func load(ctx context.Context, c *cli.Context, path string, take func(*routerinfo.RouterInfo), passed func(string, error)) (netdbdir.Loaded, error) {
	if path != "-" {
		info, err := os.Stat(path)
		if err != nil {
			return netdbdir.Loaded{}, err
		}
		if info.IsDir() || info.Mode().IsRegular() {
			counts, err := netdbdir.Load(ctx, path, netdbdir.LoadConfig{Passed: passed}, take)
			return counts, cli.BadData("", err)
		}
	}
	in, err := openStream(c, path)
	if err != nil {
		return netdbdir.Loaded{}, err
	}
	defer in.Close()
	if in.zip {
		return in.loadZip(ctx, take, passed)
	}
	b, err := in.record()
	if err != nil {
		return netdbdir.Loaded{}, err
	}
	ri, err := routerinfo.Parse(b)
	if err != nil {
		return netdbdir.Loaded{}, cli.Dataf("%s is neither a RouterInfo nor a zip of them: %w", in.name, err)
	}
	take(ri)
	return netdbdir.Loaded{Files: 1, Routers: 1}, nil
}

// stream is an input that can be read once, and told by its beginning.
type stream struct {
	name string
	*bufio.Reader
	io.Closer
	zip bool
}

func openStream(c *cli.Context, path string) (*stream, error) {
	f, err := cli.OpenInput(c, path)
	if err != nil {
		return nil, err
	}
	s := &stream{name: cli.InputName(path), Reader: bufio.NewReader(f), Closer: f}
	magic, err := s.Peek(2)
	if err != nil && err != io.EOF {
		f.Close()
		return nil, err
	}
	s.zip = string(magic) == "PK"
	return s, nil
}

// record reads an entry that is alone in the stream.
func (s *stream) record() ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(s, maxRecord+1))
	if err == nil && len(b) > maxRecord {
		err = cli.Dataf("%s: more than %d bytes", s.name, maxRecord)
	}
	return b, err
}

// loadZip keeps the zip in a file meanwhile: a zip is read from its end.
func (s *stream) loadZip(ctx context.Context, take func(*routerinfo.RouterInfo), passed func(string, error)) (netdbdir.Loaded, error) {
	f, err := os.CreateTemp("", "i2p-netdb-*.zip")
	if err != nil {
		return netdbdir.Loaded{}, err
	}
	defer os.Remove(f.Name())
	n, err := io.Copy(f, io.LimitReader(s, maxSpooled+1))
	if err := errors.Join(err, f.Close()); err != nil {
		return netdbdir.Loaded{}, err
	}
	if n > maxSpooled {
		return netdbdir.Loaded{}, cli.Dataf("%s: more than %d bytes", s.name, maxSpooled)
	}
	counts, err := netdbdir.Load(ctx, f.Name(), netdbdir.LoadConfig{Passed: passed}, take)
	if err = cli.BadData("", err); cli.StatusOf(err) == cli.StatusData {
		err = cli.Dataf("%s is no zip of RouterInfos: %w", s.name, err)
	}
	return counts, err
}
