package main

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"i2ptoolkit/pkg/cli"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/netdbdir"
	"i2ptoolkit/pkg/routerinfo"
	"i2ptoolkit/pkg/words"
)

func importCommand() *cli.Command {
	return &cli.Command{
		Name:      "import",
		Usage:     "put RouterInfos into a netDb directory",
		ArgsUsage: "FILE|DIRECTORY|ZIP|SU3|-…",
		Description: "The RouterInfos that the filters leave, and whose signatures are good, are written into the directory of --to,\n" +
			"in the layout of Java I2P and i2pd; it is made where it is missing. A newer one that is there already stays.\n" +
			"A running router does not see what is put into its directory: i2p-router reseed FILE tells it.",
		Flags: append(filterFlags(), cli.WrittenDirectory(cli.StringFlag{Name: "to", Usage: "the netDb `DIRECTORY` to write"})),
		Action: func(c *cli.Context) error {
			wanted, err := filters(c, time.Now())
			if err != nil {
				return err
			}
			if c.String("to") == "" {
				return cli.WithHint(cli.Usagef("import: it is not said where to"), "--to DIRECTORY")
			}
			set, forged, err := importable(c, wanted)
			if err != nil && len(set) == 0 {
				return err
			}
			n, writeErr := store(c.Context, c.String("to"), set)
			if writeErr != nil {
				return writeErr
			}
			cli.Notef(c, "%s written, %d as new or newer there, %d badly signed", words.Count(n, "RouterInfo"), len(set)-n, forged)
			return err
		},
	}
}

// importable reads what is to be imported, and counts what is forged. What could be read comes with
// the error of what could not.
func importable(c *cli.Context, wanted func(*routerinfo.RouterInfo) bool) (set map[i2p.Hash]*routerinfo.RouterInfo, forged int, err error) {
	set, err = setOf(c, c.Args().Slice(), func(ri *routerinfo.RouterInfo) bool {
		if !wanted(ri) {
			return false
		}
		if ri.Verify() != nil {
			forged++
			cli.Verbosef(c, "%s: passed over: bad signature", ri.Hash())
			return false
		}
		return true
	})
	return set, forged, err
}

// store writes what is newer than what a directory has.
func store(ctx context.Context, path string, set map[i2p.Hash]*routerinfo.RouterInfo) (written int, err error) {
	dir, err := netdbdir.Open(path)
	if err != nil {
		return 0, err
	}
	for _, h := range slices.SortedFunc(maps.Keys(set), byHash) {
		if err := context.Cause(ctx); err != nil {
			return written, err
		}
		if b, err := os.ReadFile(dir.File(h)); err == nil {
			if had, err := routerinfo.Parse(b); err == nil && had.Hash() == h && had.Published() >= set[h].Published() {
				continue
			}
		}
		if err := dir.Store(h, set[h].Bytes()); err != nil {
			return written, err
		}
		written++
	}
	return written, nil
}

func pruneCommand() *cli.Command {
	return &cli.Command{
		Name:      "prune",
		Usage:     "delete RouterInfos from a netDb directory",
		ArgsUsage: "DIRECTORY",
		Description: "Deleted are the RouterInfos that the filters do not leave, and with --damaged the files that are damaged,\n" +
			"misnamed or badly signed: --age 24h deletes those that were published earlier. At least one of them has to be\n" +
			"given. With -n nothing is deleted, and only said what would be. Files of other names stay. A running router\n" +
			"writes its directory again from what it knows: stop it first.",
		Flags: append(filterFlags(),
			&cli.BoolFlag{Name: "damaged", Usage: "delete what is damaged, misnamed or badly signed"},
			&cli.BoolFlag{Name: "dry-run", Aliases: []string{"n"}, Usage: "delete nothing, and say what would be"}),
		Action: func(c *cli.Context) error {
			if !slices.ContainsFunc(c.Command.Flags, func(f cli.Flag) bool { return c.IsSet(f.Names()[0]) && f.Names()[0] != "dry-run" }) {
				return cli.WithHint(cli.Usagef("prune: it is not said what to delete"), "--age 24h, --version 0.9.60+, --damaged, …")
			}
			wanted, err := filters(c, time.Now())
			if err != nil {
				return err
			}
			return prune(c, c.Args().First(), wanted)
		},
	}
}

// prune deletes file by file, so that only what was looked at is deleted.
func prune(c *cli.Context, path string, wanted func(*routerinfo.RouterInfo) bool) error {
	if info, err := os.Stat(path); err != nil {
		return err
	} else if !info.IsDir() {
		return cli.Dataf("%s is no directory", cli.InputName(path))
	}
	kept, unwanted := make(map[string]bool), make(map[string]bool) // by the names of files
	var damaged []string
	cfg := netdbdir.LoadConfig{Verify: c.Bool("damaged"), Passed: func(file string, why error) {
		if !errors.Is(why, netdbdir.ErrName) {
			damaged = append(damaged, file)
		}
	}}
	_, err := netdbdir.Load(c.Context, path, cfg, func(ri *routerinfo.RouterInfo) {
		if wanted(ri) {
			kept[netdbdir.FileName(ri.Hash())] = true
		} else {
			unwanted[netdbdir.FileName(ri.Hash())] = true
		}
	})
	if err != nil {
		return cli.BadData("", err)
	}
	if !c.Bool("damaged") {
		damaged = nil
	}
	dir, err := netdbdir.Open(path)
	if err != nil {
		return err
	}
	files, err := dir.Files()
	if err != nil {
		return err
	}
	files = slices.DeleteFunc(files, func(file string) bool { base := filepath.Base(file); return !unwanted[base] || kept[base] })
	for _, file := range slices.Concat(files, damaged) {
		if err := context.Cause(c.Context); err != nil {
			return err
		}
		cli.Verbosef(c, "%s", file)
		if !c.Bool("dry-run") {
			if err := os.Remove(file); err != nil && !os.IsNotExist(err) {
				return err
			}
		}
	}
	did := "deleted"
	if c.Bool("dry-run") {
		did = "would be deleted"
	}
	cli.Notef(c, "%s %s, %d of them damaged; %s stay", words.Count(len(files)+len(damaged), "file"), did, len(damaged), words.Count(len(kept), "RouterInfo"))
	return nil
}
