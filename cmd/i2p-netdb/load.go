package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"

	"i2ptoolkit/pkg/cli"
	"i2ptoolkit/pkg/netdbdir"
	"i2ptoolkit/pkg/routerinfo"
)

// maxStdin bounds what is read from stdin: a zip of a large netDb.
const maxStdin = 256 << 20

// load reads RouterInfos from a file, a directory, a zip, or stdin for "-". passed is told
// of the files in it that are passed over.
func load(ctx context.Context, path string, take func(*routerinfo.RouterInfo), passed func(string, error)) (netdbdir.Loaded, error) {
	if path == "-" {
		return loadStdin(ctx, take, passed)
	}
	counts, err := netdbdir.Load(ctx, path, netdbdir.LoadConfig{Passed: passed}, take)
	return counts, dataError(ctx, err)
}

func loadStdin(ctx context.Context, take func(*routerinfo.RouterInfo), passed func(string, error)) (netdbdir.Loaded, error) {
	in := bufio.NewReader(os.Stdin)
	magic, err := in.Peek(2)
	if err != nil && err != io.EOF {
		return netdbdir.Loaded{}, err
	}
	if string(magic) != "PK" {
		b, err := io.ReadAll(io.LimitReader(in, maxRecord))
		if err != nil {
			return netdbdir.Loaded{}, err
		}
		ri, err := routerinfo.Parse(b)
		if err != nil {
			return netdbdir.Loaded{}, cli.Dataf(cli.StandardInput+" is neither a RouterInfo nor a zip of them: %w", err)
		}
		take(ri)
		return netdbdir.Loaded{Files: 1, Routers: 1}, nil
	}
	f, err := os.CreateTemp("", "i2p-netdb-*.zip") // a zip is read from its end
	if err != nil {
		return netdbdir.Loaded{}, err
	}
	defer os.Remove(f.Name())
	n, err := io.Copy(f, io.LimitReader(in, maxStdin+1))
	if err := errors.Join(err, f.Close()); err != nil {
		return netdbdir.Loaded{}, err
	}
	if n > maxStdin {
		return netdbdir.Loaded{}, cli.Dataf(cli.StandardInput+": more than %d bytes", maxStdin)
	}
	counts, err := netdbdir.Load(ctx, f.Name(), netdbdir.LoadConfig{Passed: passed}, take)
	if err = dataError(ctx, err); cli.StatusOf(err) == cli.StatusData {
		err = cli.Dataf(cli.StandardInput+" is no zip of RouterInfos: %w", err)
	}
	return counts, err
}

// dataError tells what is wrong with the data from what is wrong with the machine.
func dataError(ctx context.Context, err error) error {
	var path *fs.PathError
	if err == nil || ctx.Err() != nil || errors.As(err, &path) {
		return err
	}
	return cli.Dataf("%w", err)
}
