package main

import (
	"bytes"
	"context"
	"os"

	"i2ptoolkit/pkg/cli"
	"i2ptoolkit/pkg/netdbdir"
	"i2ptoolkit/pkg/routerinfo"
	"i2ptoolkit/pkg/su3"
)

// maxBundle bounds an su3 file; those of reseed servers have a hundredth of it.
const maxBundle = 16 << 20

// load reads RouterInfos from a file, a directory, a zip, a bundle, a pipe, or stdin for "-".
func load(ctx context.Context, c *cli.Context, path string, cfg netdbdir.LoadConfig, take func(*routerinfo.RouterInfo)) (netdbdir.Loaded, error) {
	if named(path) {
		counts, err := netdbdir.Load(ctx, path, cfg, take)
		return counts, cli.BadData("", err)
	}
	in, err := cli.PeekInput(c, path)
	if err != nil {
		return netdbdir.Loaded{}, err
	}
	defer in.Close()
	if many(in) {
		return loadMany(ctx, in, cfg, take)
	}
	b, err := in.ReadAll(maxRecord)
	if err != nil {
		return netdbdir.Loaded{}, cli.BadData(in.Name, err)
	}
	ri, err := routerinfo.Parse(b)
	if err != nil {
		return netdbdir.Loaded{}, cli.Dataf("%s is neither a RouterInfo nor a zip of them: %w", in.Name, err)
	}
	if cfg.Verify {
		if err := ri.Verify(); err != nil {
			return netdbdir.Loaded{}, cli.Dataf("%s: %w", in.Name, err)
		}
	}
	take(ri)
	return netdbdir.Loaded{Files: 1, Routers: 1}, nil
}

// named tells of a directory, and of a file that is to be what its name says: a RouterInfo, or a zip.
func named(path string) bool {
	if path == "-" {
		return false
	}
	info, err := os.Stat(path)
	if err != nil || info.IsDir() || !info.Mode().IsRegular() {
		return err == nil && info.IsDir()
	}
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	var magic [len(bundleMagic)]byte
	n, _ := f.Read(magic[:])
	return string(magic[:n]) != bundleMagic
}

// isDir tells of a directory, which is read as a netDb; another file may hold an entry of any kind.
func isDir(path string) bool {
	info, err := os.Stat(path)
	return path != "-" && err == nil && info.IsDir()
}

// each reads the RouterInfos of a directory, zip or bundle, and has one read what is in another file.
func each(c *cli.Context, path string, cfg netdbdir.LoadConfig, take func(*routerinfo.RouterInfo), told func(string, netdbdir.Loaded), one func(*cli.Peeked) error) error {
	if isDir(path) {
		counts, err := netdbdir.Load(c.Context, path, cfg, take)
		told(path, counts)
		return cli.BadData("", err)
	}
	in, err := cli.PeekInput(c, path)
	if err != nil {
		return err
	}
	defer in.Close()
	if !many(in) {
		return one(in)
	}
	counts, err := loadMany(c.Context, in, cfg, take)
	told(in.Name, counts)
	return err
}

// bundleMagic is how an su3 file begins.
const bundleMagic = "I2Psu3"

// many tells of a zip, and of a bundle.
func many(in *cli.Peeked) bool {
	beginning, _ := in.Peek(len(bundleMagic))
	return in.Zip || string(beginning) == bundleMagic
}

// loadMany reads a zip or a bundle. Who signed the bundle is not asked: each RouterInfo is signed by its router.
func loadMany(ctx context.Context, in *cli.Peeked, cfg netdbdir.LoadConfig, take func(*routerinfo.RouterInfo)) (netdbdir.Loaded, error) {
	if in.Zip {
		zip, err := in.Section(netdbdir.MaxZip)
		if err != nil {
			return netdbdir.Loaded{}, err
		}
		counts, err := netdbdir.LoadZip(ctx, zip, zip.Size(), cfg, take)
		return counts, cli.BadData(in.Name, err)
	}
	b, err := in.ReadAll(maxBundle)
	if err != nil {
		return netdbdir.Loaded{}, cli.BadData(in.Name, err)
	}
	bundle, err := su3.Parse(b)
	if err != nil {
		return netdbdir.Loaded{}, cli.BadData(in.Name, err)
	}
	if bundle.FileType != su3.ZIP {
		return netdbdir.Loaded{}, cli.Dataf("%s: a %v in an su3 file, expected a zip of RouterInfos", in.Name, bundle.FileType)
	}
	counts, err := netdbdir.LoadZip(ctx, bytes.NewReader(bundle.Content), int64(len(bundle.Content)), cfg, take)
	return counts, cli.BadData(in.Name, err)
}
