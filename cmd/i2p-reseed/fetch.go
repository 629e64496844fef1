package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"i2ptoolkit/pkg/cli"
	"i2ptoolkit/pkg/netdbdir"
	"i2ptoolkit/pkg/reseed"
	"i2ptoolkit/pkg/reseed/fetch"
	"i2ptoolkit/pkg/routerinfo"
)

// clientFlags are those of all verbs that ask servers.
func clientFlags(more ...cli.Flag) []cli.Flag {
	return append(trustFlags(
		netIDFlag(""),
		&cli.StringFlag{Name: "proxy", EnvVars: []string{"I2P_RESEED_PROXY"}, Usage: "go through a proxy at `URL`: socks5://, socks5h://, http:// or https://"},
		&cli.StringFlag{Name: "tls-roots", Usage: "trust web servers by the certificates in `FILE`, instead of the system's"},
		&cli.StringSliceFlag{Name: "pin", Usage: "trust a web server by its key alone: `HOST=SHA256` of the key's SPKI, in hex or base64"},
		cli.Timeout(cli.DurationFlag{Name: "timeout", Value: 30 * time.Second, Usage: "give a server up after `DURATION`"}),
		cli.JSONFlag(),
	), more...)
}

func fetchCommand() *cli.Command {
	return &cli.Command{
		Name:      "fetch",
		Usage:     "get RouterInfos from reseed servers, or from files",
		ArgsUsage: "[URL|FILE|DIR|-]…",
		Description: "Servers are asked in random order, without an argument the known ones, until --want RouterInfos are there\n" +
			"and two servers gave some. Their report goes to stdout, one line for each; the RouterInfos go to the netDb\n" +
			"directory of -o, from where a router starts. Files are bundles, zips, router.info files and directories.",
		Flags: clientFlags(
			cli.WrittenDirectory(cli.StringFlag{Name: "output", Aliases: []string{"o"}, Usage: "write the RouterInfos to the netDb directory `DIR`"}),
			cli.Int(1, 1<<20, cli.IntFlag{Name: "want", Value: 100, Usage: "ask until there are `N` RouterInfos"}),
		),
		Action: func(c *cli.Context) error {
			cfg, err := fetchConfig(c)
			if err != nil {
				return err
			}
			servers, paths, err := sources(c.Args().Slice())
			if err != nil {
				return err
			}
			var got collection
			if dir := c.String("output"); dir != "" {
				if got.dir, err = netdbdir.Open(dir); err != nil {
					return err
				}
			}
			reports, err := got.read(c.Context, cfg, paths)
			if err == nil && len(servers) > 0 {
				var more []fetch.Report
				cfg.Servers = servers
				cfg.Each = func(r fetch.Report) { cli.Verbosef(c, "%s: %s", r.Server, r.Reason) }
				more, err = fetch.Fetch(c.Context, cfg, got.add)
				reports = append(reports, more...)
				if errors.Is(err, fetch.ErrUnreached) || errors.Is(err, fetch.ErrNothing) {
					err = nil // the reports say it
				}
			}
			if err != nil {
				return err
			}
			return got.end(c, reports)
		},
	}
}

// sources tells servers from files; with neither, the known servers are meant.
func sources(args []string) (servers, paths []string, err error) {
	if len(args) == 0 {
		return reseed.Servers(), nil, nil
	}
	for _, a := range args {
		if !strings.Contains(a, "://") {
			paths = append(paths, a)
			continue
		}
		u, err := fetch.ParseServer(a)
		if err != nil {
			return nil, nil, cli.Usagef("%w", err)
		}
		servers = append(servers, u)
	}
	return servers, paths, nil
}

// fetchConfig turns flags into a client's configuration.
func fetchConfig(c *cli.Context) (cfg fetch.Config, err error) {
	if cfg.Trust, err = trust(c); err != nil {
		return cfg, err
	}
	if c.String("at") != "" {
		at, err := clock(c)
		if err != nil {
			return cfg, err
		}
		cfg.Now = func() time.Time { return at }
	}
	cfg.Open = func(path string) (io.ReadCloser, error) { return cli.OpenInput(c, path) }
	cfg.NetID, cfg.Proxy, cfg.Timeout, cfg.Want = c.Int("netid"), c.String("proxy"), c.Duration("timeout"), c.Int("want")
	if path := c.String("tls-roots"); path != "" {
		text, err := cli.ReadText(c, path, 4<<20)
		if err != nil {
			return cfg, err
		}
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM(text) {
			return cfg, cli.Dataf("%s: no certificate in PEM", cli.InputName(path))
		}
	}
	cfg.Pins = make(map[string][32]byte)
	for _, text := range c.StringSlice("pin") {
		host, spki, err := fetch.ParsePin(text)
		if err != nil {
			return cfg, cli.Usagef("--pin: %w", err)
		}
		cfg.Pins[host] = spki
	}
	if cfg.Proxy != "" {
		if _, err := fetch.ParseProxy(cfg.Proxy); err != nil {
			return cfg, cli.Usagef("--proxy: %w", err)
		}
	}
	return cfg, nil
}

// collection keeps what was learned.
type collection struct {
	dir   *netdbdir.Dir // may be nil
	known int
	err   error
}

func (k *collection) add(ri *routerinfo.RouterInfo) {
	k.known++
	if k.dir != nil {
		k.err = errors.Join(k.err, k.dir.Store(ri.Hash(), ri.Bytes()))
	}
}

// read takes what files have. What is wrong with their content is in their reports.
func (k *collection) read(ctx context.Context, cfg fetch.Config, paths []string) ([]fetch.Report, error) {
	var reports []fetch.Report
	for _, path := range paths {
		report, infos, err := fetch.Source(ctx, cfg, path)
		var refused *fetch.Error
		if err != nil && !errors.As(err, &refused) {
			return reports, err
		}
		reports = append(reports, report)
		for _, ri := range infos {
			k.add(ri)
		}
	}
	return reports, nil
}

// end prints the reports, and says by the exit status how it went.
func (k *collection) end(c *cli.Context, reports []fetch.Report) error {
	if err := printReports(c, reports); err != nil {
		return err
	}
	if k.err != nil {
		return k.err
	}
	if k.known == 0 {
		return nothing(reports)
	}
	cli.Notef(c, "%s", fetch.Summary(reports))
	if k.dir == nil {
		cli.Verbosef(c, "they are not kept: -o DIR keeps them")
	}
	return nil
}

// nothing is the failure of a fetch: to be tried again where nobody was reached.
func nothing(reports []fetch.Report) error {
	for _, r := range reports {
		switch {
		case r.Status == 0 && damaged(r.Result):
			return cli.Dataf("%s: %s", cli.InputName(r.Server), r.Reason)
		case !r.Result.Unreached():
			return errors.New(fetch.Summary(reports) + ": " + fetch.Failures(reports))
		}
	}
	return cli.WithHint(cli.Againf("no server was reached: %s", fetch.Failures(reports)), "i2p-reseed diagnose looks closer")
}

// damaged tells a file that is damaged from one that is merely of no use.
func damaged(r fetch.Result) bool {
	return r == fetch.NotSU3 || r == fetch.Malformed || r == fetch.Hostile || r == fetch.Truncated
}

// rough rounds an age to what a person wants to know.
func rough(d time.Duration) string {
	switch {
	case d >= 2*day:
		return fmt.Sprintf("%dd", d/day)
	case d >= 2*time.Hour:
		return fmt.Sprintf("%dh", d/time.Hour)
	case d >= 2*time.Minute:
		return fmt.Sprintf("%dm", d/time.Minute)
	}
	return fmt.Sprintf("%ds", max(d, 0)/time.Second)
}

func printReports(c *cli.Context, reports []fetch.Report) error {
	return cli.PrintList(c, reports, func(w io.Writer, reports []fetch.Report) error {
		t := cli.NewTable(w)
		t.Row("SERVER", "STATUS", "FOUND", "TAKEN", "AGE", "SIGNER", "RESULT")
		for _, r := range reports {
			status, age := "-", "-"
			if r.Status != 0 {
				status = fmt.Sprint(r.Status)
			}
			if !r.Made.IsZero() {
				age = rough(r.Age())
			}
			t.Row(r.Server, status, r.Found, r.Accepted, age, r.Signer, r.Reason)
		}
		return t.Flush()
	})
}
