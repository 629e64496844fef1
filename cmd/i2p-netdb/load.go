package main

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"

	"i2ptoolkit/pkg/cli"
	"i2ptoolkit/pkg/netdbdir"
	"i2ptoolkit/pkg/routerinfo"
)

// maxStdin bounds what is read from stdin: a zip of a large netDb.
const maxStdin = 256 << 20

// load reads RouterInfos from a file, a directory, a zip, or stdin for "-".
func load(ctx context.Context, path string, take func(*routerinfo.RouterInfo)) (netdbdir.Loaded, error) {
	if path == "-" {
		return loadStdin(ctx, take)
	}
	counts, err := netdbdir.Load(ctx, path, netdbdir.LoadConfig{}, take)
	return counts, dataError(ctx, err)
}

func loadStdin(ctx context.Context, take func(*routerinfo.RouterInfo)) (netdbdir.Loaded, error) {
	b, err := cli.ReadInput("-", maxStdin)
	if err != nil {
		return netdbdir.Loaded{}, err
	}
	if !bytes.HasPrefix(b, []byte("PK")) {
		ri, err := routerinfo.Parse(b)
		if err != nil {
			return netdbdir.Loaded{}, cli.Dataf("stdin: %w", err)
		}
		take(ri)
		return netdbdir.Loaded{Files: 1, Routers: 1}, nil
	}
	f, err := os.CreateTemp("", "i2p-netdb-*.zip") // a zip is read from its end
	if err != nil {
		return netdbdir.Loaded{}, err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(b)
	if err := errors.Join(err, f.Close()); err != nil {
		return netdbdir.Loaded{}, err
	}
	counts, err := netdbdir.Load(ctx, f.Name(), netdbdir.LoadConfig{}, take)
	return counts, dataError(ctx, err)
}

// dataError tells what is wrong with the data from what is wrong with the machine.
func dataError(ctx context.Context, err error) error {
	var path *fs.PathError
	if err == nil || ctx.Err() != nil || errors.As(err, &path) {
		return err
	}
	return cli.Dataf("%w", err)
}
