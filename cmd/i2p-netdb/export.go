package main

import (
	"archive/zip"
	"io"
	"maps"
	"slices"
	"time"

	"i2ptoolkit/pkg/cli"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/netdbdir"
	"i2ptoolkit/pkg/routerinfo"
	"i2ptoolkit/pkg/words"
)

func exportCommand() *cli.Command {
	return &cli.Command{
		Name:      "export",
		Usage:     "write RouterInfos into a zip",
		ArgsUsage: "[FILE|DIRECTORY|ZIP|SU3|-]…",
		Description: "The zip goes to stdout or to -o FILE. It holds the RouterInfos that the filters leave, the newest of each router,\n" +
			"byte for byte, as files named routerInfo-HASH.dat: i2p-router takes it with --bootstrap, and every verb here\n" +
			"that takes a zip. Signatures are not verified: verify does that. Without files they are those that the\n" +
			"running router knows; whom it knows is nobody's business, so give such a zip to people, and publish it not.",
		Flags: append(filterFlags(), cli.RouterFlags(cli.OutputFlag(), cli.ForceFlag())...),
		Action: func(c *cli.Context) error {
			wanted, err := filters(c, time.Now())
			if err != nil {
				return err
			}
			if err := cli.CheckBinaryOutput(c); err != nil {
				return err
			}
			set, err := setOf(c, c.Args().Slice(), wanted)
			if err != nil {
				return err
			}
			err = cli.StreamOutput(c, func(w io.Writer) error { return writeZip(w, set) })
			if err == nil {
				cli.Notef(c, "%s", words.Count(len(set), "RouterInfo"))
			}
			return err
		},
	}
}

// writeZip writes RouterInfos in the order of their hashes: twice the same are the same bytes.
func writeZip(w io.Writer, set map[i2p.Hash]*routerinfo.RouterInfo) error {
	z := zip.NewWriter(w)
	for _, h := range slices.SortedFunc(maps.Keys(set), byHash) {
		f, err := z.CreateHeader(&zip.FileHeader{
			Name: netdbdir.FileName(h), Method: zip.Deflate, Modified: set[h].Published().Time().UTC(),
		})
		if err != nil {
			return err
		}
		if _, err := f.Write(set[h].Bytes()); err != nil {
			return err
		}
	}
	return z.Close()
}
