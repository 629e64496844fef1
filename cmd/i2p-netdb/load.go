package main

import (
	"context"
	"os"

	"i2ptoolkit/pkg/cli"
	"i2ptoolkit/pkg/netdbdir"
	"i2ptoolkit/pkg/routerinfo"
)

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
	in, err := cli.PeekInput(c, path)
	if err != nil {
		return netdbdir.Loaded{}, err
	}
	defer in.Close()
	if in.Zip {
		return loadZip(ctx, in, take, passed)
	}
	b, err := in.ReadAll(maxRecord)
	if err != nil {
		return netdbdir.Loaded{}, cli.BadData(in.Name, err)
	}
	ri, err := routerinfo.Parse(b)
	if err != nil {
		return netdbdir.Loaded{}, cli.Dataf("%s is neither a RouterInfo nor a zip of them: %w", in.Name, err)
	}
	take(ri)
	return netdbdir.Loaded{Files: 1, Routers: 1}, nil
}

func loadZip(ctx context.Context, in *cli.Peeked, take func(*routerinfo.RouterInfo), passed func(string, error)) (netdbdir.Loaded, error) {
	zip, err := in.Section(netdbdir.MaxZip)
	if err != nil {
		return netdbdir.Loaded{}, err
	}
	counts, err := netdbdir.LoadZip(ctx, zip, zip.Size(), netdbdir.LoadConfig{Passed: passed}, take)
	return counts, cli.BadData(in.Name, err)
}
