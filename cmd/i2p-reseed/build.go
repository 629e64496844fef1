package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"i2ptoolkit/pkg/cli"
	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/netdbdir"
	"i2ptoolkit/pkg/reseed"
	"i2ptoolkit/pkg/routerinfo"
	"i2ptoolkit/pkg/words"
)

// sourceFlags name the RouterInfos that bundles are made of.
func sourceFlags(more ...cli.Flag) []cli.Flag {
	return cli.RouterFlags(append([]cli.Flag{
		&cli.StringFlag{Name: "netdb", Usage: "take the RouterInfos of the netDb directory, or zip, `DIR`"},
		&cli.BoolFlag{Name: "router", Usage: "take those that the running router knows"},
		netIDFlag("; without, that of the router that knows them"),
		cli.Duration(time.Millisecond, 100*cli.Forever, cli.DurationFlag{Name: "max-age", Value: reseed.DefaultBuildAge, Usage: "leave out RouterInfos older than `DURATION`"}),
		cli.Checked(cli.StringFlag{Name: "min-version", Value: reseed.DefaultMinVersion, Usage: "leave out routers older than `VERSION`"}, reseed.CheckVersion),
		&cli.BoolFlag{Name: "testnet", Usage: "private network: reserved addresses are fit, and several of one /16"},
		&cli.StringFlag{Name: "profiles", Usage: "with --netdb, the router's `FILE` of whom it has reached; without, peer.profiles beside DIR"},
		&cli.BoolFlag{Name: "unproven", Usage: "take routers as well that the router has never reached"},
	}, more...)...)
}

// buildFlags are those of build, and of serve when it builds.
func buildFlags() []cli.Flag {
	return append(sourceFlags(
		cli.Int(1, 9999, cli.IntFlag{Name: "bundles", Value: reseed.DefaultBundles, Usage: "make `N` bundles"}),
		cli.Int(1, maxPerBundle, cli.IntFlag{Name: "per-bundle", Value: reseed.DefaultPerBundle, Usage: "with `N` RouterInfos in each"}),
	), signerFlags()...)
}

func buildCommand() *cli.Command {
	return &cli.Command{
		Name:  "build",
		Usage: "make signed bundles of a netDb",
		Description: "Each RouterInfo that gets into a bundle has a good signature, is new enough, can be reached, and shares no\n" +
			"/16 (IPv6: /32) with another in it. The router whose netDb it is has reached it, and was served: anybody can\n" +
			"fill a netDb with others. That is told by --router, or by the file peer.profiles beside --netdb DIR; of netDbs\n" +
			"of other programs it is not known. Bundles are files NNNN.su3 in -o DIR, which is made; with --force they\n" +
			"take the place of those in it. Beside them, in certs, are the certificates of the key that signs now and of\n" +
			"those that hold still or will. What was left out, and why, is told on stderr.",
		Flags: append(buildFlags(),
			cli.WrittenDirectory(cli.StringFlag{Name: "output", Aliases: []string{"o"}, Usage: "write the bundles to `DIR`"}),
			cli.ForceFlag(), cli.JSONFlag()),
		Action: func(c *cli.Context) error {
			dir := c.String("output")
			if dir == "" {
				return cli.WithHint(cli.Usagef("build: -o is missing"), "see %s --help", c.Command.HelpName)
			}
			begun := time.Now()
			if err := nameSource(c); err != nil {
				return err
			}
			cfg, err := buildConfig(c, begun)
			if err != nil {
				return err
			}
			report, err := writeBundles(c, cfg, dir)
			if err != nil {
				return explain(c, report, err)
			}
			if c.Bool("json") {
				return cli.PrintJSON(report)
			}
			tellReport(c, report)
			err = cli.Printf("bundles: %d, of up to %d RouterInfos, in %s", report.Bundles, cfg.PerBundle, dir)
			cli.Verbosef(c, "built in %v", time.Since(begun).Round(time.Millisecond))
			return err
		},
	}
}

// maxPerBundle is how many RouterInfos are taken out of a bundle at most.
const maxPerBundle = reseed.MaxInfos

// buildConfig turns flags into what bundles are made by, with the key that signs now.
func buildConfig(c *cli.Context, now time.Time) (cfg reseed.BuildConfig, err error) {
	cfg = reseed.BuildConfig{
		Bundles: c.Int("bundles"), PerBundle: c.Int("per-bundle"), Now: now, NetID: c.Int("netid"),
		MinVersion: c.String("min-version"), MaxAge: c.Duration("max-age"), Private: c.Bool("testnet"),
	}
	cfg.Signer, err = loadSigner(c, now)
	return cfg, err
}

// assemble builds bundles of what the flags name.
func assemble(ctx context.Context, c *cli.Context, cfg reseed.BuildConfig, take func(int, []byte) error) (reseed.Report, error) {
	if path := c.String("netdb"); path != "" {
		proven, err := provenBy(c, path)
		if err != nil {
			return reseed.Report{}, err
		}
		cfg.Proven = proven
		report, err := reseed.BuildFrom(ctx, path, cfg, take)
		if err != nil && report.Seen == 0 && ctx.Err() == nil {
			if _, missing := os.Stat(path); missing != nil {
				return report, missing
			}
			if errors.Is(err, netdbdir.ErrNothing) {
				return report, cli.Dataf("%w", err)
			}
		}
		return report, err
	}
	proven := make(map[i2p.Hash]bool)
	if demands(c) {
		cfg.Proven = func(ri *routerinfo.RouterInfo) bool { return proven[ri.Hash()] }
	}
	b, err := reseed.NewBuilder(cfg)
	if err != nil {
		return reseed.Report{}, err
	}
	router, err := cli.Router(c)
	if err != nil {
		return reseed.Report{}, err
	}
	err = router.NetDB(ctx, control.KindRouterInfo, func(r control.Record) error {
		if ri, err := routerinfo.Parse(r.Data); err == nil {
			proven[ri.Hash()] = r.Proven
			b.Add(ri)
		}
		return nil
	})
	if err != nil {
		return reseed.Report{}, err
	}
	return b.Build(ctx, take)
}

// demands tells whether routers have to be proven. On a private network there are few, and
// nobody to fear.
func demands(c *cli.Context) bool { return !c.Bool("unproven") && !c.Bool("testnet") }

// provenBy tells by a router's profiles who is proven, or nil where there are none.
func provenBy(c *cli.Context, netDB string) (func(*routerinfo.RouterInfo) bool, error) {
	if !demands(c) {
		return nil, nil
	}
	path := c.String("profiles")
	if path == "" {
		path = reseed.ProfilesBeside(netDB)
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
	}
	proven, err := reseed.ReadProven(path, time.Now())
	if err != nil {
		return nil, cli.WithHint(err, "--unproven does without")
	}
	return proven, nil
}

// builtSource builds the bundles that serve serves. The signer is found anew each time: a
// key that rotate made takes over without a restart.
func builtSource(c *cli.Context) (func(context.Context) ([][]byte, error), error) {
	if err := nameSource(c); err != nil {
		return nil, err
	}
	if _, err := buildConfig(c, time.Now()); err != nil { // say so at once
		return nil, err
	}
	return func(ctx context.Context) ([][]byte, error) {
		cfg, err := buildConfig(c, time.Now())
		if err != nil {
			return nil, err
		}
		set := make([][]byte, cfg.Bundles)
		report, err := assemble(ctx, c, cfg, func(n int, bundle []byte) error {
			set[n] = bundle
			return nil
		})
		if err != nil {
			return nil, explain(c, report, err)
		}
		tellReport(c, report)
		return set, nil
	}, nil
}

// writeBundles fills a new directory, and puts it where -o says when it is complete: who
// reads it meanwhile sees the old bundles or the new ones.
func writeBundles(c *cli.Context, cfg reseed.BuildConfig, dir string) (reseed.Report, error) {
	old, err := filepath.Glob(filepath.Join(dir, "*.su3"))
	if err != nil {
		return reseed.Report{}, err
	}
	if len(old) > 0 && !c.Bool("force") {
		return reseed.Report{}, cli.WithHint(fmt.Errorf("%s has bundles already", dir), "--force replaces them")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return reseed.Report{}, err
	}
	fresh, err := os.MkdirTemp(dir, ".new-")
	if err != nil {
		return reseed.Report{}, err
	}
	defer os.RemoveAll(fresh)
	var names []string
	report, err := assemble(c.Context, c, cfg, func(n int, bundle []byte) error {
		name := fmt.Sprintf("%04d.su3", n)
		names = append(names, name)
		return os.WriteFile(filepath.Join(fresh, name), bundle, 0o644)
	})
	if err != nil {
		return report, err
	}
	if err := replaceBundles(dir, fresh, names, old); err != nil {
		return report, err
	}
	return report, publish(c, filepath.Join(dir, "certs"), cfg.Now)
}

// publish copies the certificates beside the bundles: that of the key that signs now, and
// those that hold still or will. Who is given all of them is not surprised by a rotation.
func publish(c *cli.Context, to string, now time.Time) error {
	var all []generation
	dir, err := keysDir(c)
	if path := c.String("key"); path != "" {
		var g generation
		g, err = readGeneration(c, path)
		all = append(all, g)
	} else if err == nil {
		all, err = generations(c, dir)
	}
	if err != nil {
		return err
	}
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	for _, g := range all {
		if now.After(g.Ends) {
			continue
		}
		text, err := cli.ReadInput(c, g.Certificate, maxKeyFile)
		if err == nil {
			err = os.WriteFile(filepath.Join(to, filepath.Base(g.Certificate)), text, 0o644)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// replaceBundles moves new bundles over old ones, and removes those that are left over.
func replaceBundles(dir, fresh string, names, old []string) error {
	slices.Sort(names)
	for _, name := range names {
		if err := os.Rename(filepath.Join(fresh, name), filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	for _, path := range old {
		if _, kept := slices.BinarySearch(names, filepath.Base(path)); !kept {
			if err := os.Remove(path); err != nil {
				return err
			}
		}
	}
	return nil
}

// explain says what became of the RouterInfos when no bundles did.
func explain(c *cli.Context, report reseed.Report, err error) error {
	if !errors.Is(err, reseed.ErrNoRouters) {
		return err
	}
	tellReport(c, report)
	err = fmt.Errorf("none of %s is fit for a bundle", words.Count(report.Seen, "RouterInfo"))
	if report.Rejected["unreachable"] > 0 && !c.Bool("testnet") {
		return cli.WithHint(err, "--testnet takes routers of private networks")
	}
	if report.Rejected["never reached"] > 0 {
		return cli.WithHint(err, "--unproven takes those that the router has never reached")
	}
	if n := report.Rejected["other network"]; n > 0 && n == report.Seen {
		return cli.WithHint(err, "--netid names another network than %d", c.Int("netid"))
	}
	return err
}

// tellReport says what was left out, and whether a bundle is short.
func tellReport(c *cli.Context, report reseed.Report) {
	var reasons []reasonCount
	for reason, n := range report.Rejected {
		reasons = append(reasons, reasonCount{reason: reason, count: n})
	}
	sortReasons(reasons)
	var parts []string
	for _, r := range reasons {
		parts = append(parts, fmt.Sprintf("%d %s", r.count, r.reason))
	}
	if len(parts) > 0 {
		cli.Notef(c, "%d of %s %s fit; left out: %s", report.Eligible, words.Count(report.Seen, "RouterInfo"),
			words.Verb(report.Eligible, "is", "are"), strings.Join(parts, ", "))
	}
	if demands(c) && !report.Proven {
		cli.Notef(c, "nothing tells which of the routers were ever reached")
	}
	if want := c.Int("per-bundle"); report.Bundles > 0 && report.Smallest < want {
		cli.Warnf(c, "the smallest bundle has %s, less than %d", words.Count(report.Smallest, "RouterInfo"), want)
	}
}
