package main

import (
	"bytes"
	"time"

	"i2ptoolkit/pkg/cli"
	"i2ptoolkit/pkg/reseed"
	"i2ptoolkit/pkg/words"
)

// sharedRouters is how many RouterInfos a friend gets: more than a server gives, for he asks once.
const sharedRouters = 100

func shareCommand() *cli.Command {
	return &cli.Command{
		Name:  "share",
		Usage: "make a bundle to hand to a friend who reaches no reseed server",
		Description: "A zip of RouterInfos, checked as build does it, goes to stdout or to -o FILE: i2p-router takes it with\n" +
			"--bootstrap, i2pd as reseed.zipfile, Java I2P on its console's reseed page. With --sign it is an su3 file,\n" +
			"signed with your key. What is in it tells whom your router knows: give it to people, do not publish it.",
		Flags: append(sourceFlags(
			cli.Int(1, maxPerBundle, cli.IntFlag{Name: "count", Value: sharedRouters, Usage: "with `N` RouterInfos"}),
			&cli.BoolFlag{Name: "sign", Usage: "make a signed su3 file"},
			cli.OutputFlag(), cli.ForceFlag(),
		), signerFlags()...),
		Action: func(c *cli.Context) error {
			if c.String("netdb") == "" && !c.Bool("router") {
				if err := c.Set("router", "true"); err != nil {
					return err
				}
			}
			if err := nameSource(c); err != nil {
				return err
			}
			if err := cli.CheckBinaryOutput(c); err != nil {
				return err
			}
			return share(c)
		},
	}
}

func share(c *cli.Context) error {
	now := time.Now()
	cfg := reseed.BuildConfig{
		Bundles: 1, PerBundle: c.Int("count"), Now: now, NetID: c.Int("netid"), MinVersion: c.String("min-version"),
		MaxAge: c.Duration("max-age"), Private: c.Bool("testnet"), Unsigned: !c.Bool("sign"),
	}
	if !cfg.Unsigned {
		signer, err := loadSigner(c, now)
		if err != nil {
			return err
		}
		cfg.Signer = signer
	}
	var bundle []byte
	report, err := assemble(c.Context, c, cfg, func(_ int, b []byte) error {
		bundle = bytes.Clone(b)
		return nil
	})
	if err != nil {
		return explain(c, report, err)
	}
	if err := cli.WriteOutput(c, bundle); err != nil {
		return err
	}
	cli.Notef(c, "%s of %d", words.Count(report.Smallest, "RouterInfo"), report.Seen)
	return nil
}
