package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"time"

	"i2ptoolkit/pkg/atomicfile"
	"i2ptoolkit/pkg/cli"
	"i2ptoolkit/pkg/netdbdir"
	"i2ptoolkit/pkg/reseed"
	"i2ptoolkit/pkg/su3"
	"i2ptoolkit/pkg/words"
)

func extractCommand() *cli.Command {
	return &cli.Command{
		Name:      "extract",
		Usage:     "take the content out of an su3 file, or the RouterInfos out of a bundle",
		ArgsUsage: "FILE|-",
		Description: "The content goes to stdout or to -o FILE, once the signature has been verified; see verify about who is\n" +
			"trusted. With --routers the RouterInfos of a bundle, or of a zip, are written into a netDb directory, each\n" +
			"with a good signature of its own.",
		Flags: trustFlags(
			&cli.BoolFlag{Name: "unverified", Usage: "do not verify the file's signature"},
			cli.WrittenDirectory(cli.StringFlag{Name: "routers", Usage: "write the RouterInfos to the netDb directory `DIR`"}),
			netIDFlag(""), cli.OutputFlag(), cli.ForceFlag(),
		),
		Action: func(c *cli.Context) error {
			args := c.Args().Slice()
			t, err := trust(c)
			if err != nil {
				return err
			}
			now, err := clock(c)
			if err != nil {
				return err
			}
			in, err := cli.PeekInput(c, args[0])
			if err != nil {
				return err
			}
			defer in.Close()
			if dir := c.String("routers"); dir != "" {
				return extractRouters(c, in, t, now, dir)
			}
			if in.Zip {
				return cli.WithHint(cli.Dataf("%s is a zip, no su3 file", in.Name), "--routers DIR takes the RouterInfos out")
			}
			return extract(c, in, t, now)
		},
	}
}

// extract writes the content. What goes to a file goes to one beside it until it is
// verified; what goes to stdout is kept in memory.
func extract(c *cli.Context, in *cli.Peeked, t *reseed.Trust, now time.Time) error {
	if path := c.String("output"); path == "" && cli.IsTerminal(os.Stdout) {
		return cli.WithHint(cli.Usagef("the content may be binary, and stdout is a terminal"), "name a file with -o FILE, or insist with -o -")
	} else if path != "" && path != "-" {
		return extractFile(c, in, t, now, path)
	}
	h, err := peekHeader(in)
	if err != nil {
		return err
	}
	if h.ContentLen > maxInMemory {
		return cli.WithHint(cli.Dataf("%s: content of %d bytes, at most %d go to stdout", in.Name, h.ContentLen, maxInMemory), "-o FILE takes any size")
	}
	var content bytes.Buffer
	if err := copyContent(c, in, t, h, now, &content); err != nil {
		return err
	}
	_, err = os.Stdout.Write(content.Bytes())
	return err
}

// maxInMemory bounds what waits for its signature in memory.
const maxInMemory = 32 << 20

func extractFile(c *cli.Context, in *cli.Peeked, t *reseed.Trust, now time.Time, path string) error {
	info, err := os.Lstat(path)
	if err == nil && (!c.Bool("force") || !info.Mode().IsRegular()) {
		return cli.WithHint(fmt.Errorf("%s exists already", path), "--force replaces a file")
	}
	h, err := peekHeader(in)
	if err != nil {
		return err
	}
	return atomicfile.Write(path, func(w io.Writer) error { return copyContent(c, in, t, h, now, w) })
}

// copyContent copies a file's content, whose signature must be good unless --unverified says
// otherwise.
func copyContent(c *cli.Context, in *cli.Peeked, t *reseed.Trust, h su3.Header, now time.Time, w io.Writer) error {
	if c.Bool("unverified") {
		r, err := su3.NewReader(in)
		if err == nil {
			_, err = io.Copy(w, r)
		}
		return cli.BadData(in.Name, err)
	}
	var err error
	if h.ContentType == su3.Reseed {
		err = verifyKnown(in, t, h, now, w)
	} else {
		err = verifyStream(c, in, t, h, now, w)
	}
	if err != nil {
		return judged(in.Name, err)
	}
	return nil
}

// extractRouters writes a bundle's RouterInfos as a netDb directory has them.
func extractRouters(c *cli.Context, in *cli.Peeked, t *reseed.Trust, now time.Time, dir string) error {
	b, err := in.ReadAll(reseed.MaxBundle)
	if err != nil {
		return cli.BadData(in.Name, err)
	}
	cfg := reseed.OpenConfig{Trust: t, Now: now, NetID: c.Int("netid"), SkipSignature: c.Bool("unverified"), Own: true}
	bundle, err := reseed.OpenBundle(b, cfg)
	if err != nil {
		return judged(in.Name, err)
	}
	for _, r := range countReasons(bundle.Rejected) {
		cli.Notef(c, "%s: %s rejected: %s", in.Name, words.Count(r.count, "RouterInfo"), r)
	}
	if len(bundle.Infos) == 0 {
		return hintNetwork(fmt.Errorf("%s: no RouterInfo that a router would take", in.Name), bundle.Rejected)
	}
	netDb, err := netdbdir.Open(dir)
	if err != nil {
		return err
	}
	for _, ri := range bundle.Infos {
		if err := netDb.Store(ri.Hash(), ri.Bytes()); err != nil {
			return err
		}
	}
	cli.Notef(c, "%s in %s", words.Count(len(bundle.Infos), "RouterInfo"), dir)
	return nil
}
