package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"i2ptoolkit/pkg/cli"
	"i2ptoolkit/pkg/reseed/serve"
)

const defaultListen = ":8443"

func serveCommand() *cli.Command {
	return &cli.Command{
		Name:      "serve",
		Usage:     "serve bundles over HTTPS",
		ArgsUsage: "[DIR]",
		Description: "The su3 files of DIR are served, or bundles that are built of a netDb directory (--netdb) or of a running\n" +
			"router (--router), again every --rebuild. Each client network always gets the same bundle. HUP reads\n" +
			"bundles, certificate and block lists anew, and no request is lost. See docs/reseed-server.md.",
		Flags: append(buildFlags(), []cli.Flag{
			cli.Checked(cli.StringFlag{Name: "listen", Value: defaultListen, Usage: "listen on `ADDRESS:PORT`"}, checkListen),
			&cli.StringFlag{Name: "tls-cert", Usage: "the web server's certificate chain, a PEM `FILE`"},
			&cli.StringFlag{Name: "tls-key", Usage: "its private key, a PEM `FILE`"},
			&cli.BoolFlag{Name: "plain", Usage: "serve HTTP without TLS, to a reverse proxy"},
			cli.Checked(cli.StringFlag{Name: "metrics", Usage: "serve /metrics and /healthz on a local `ADDRESS:PORT`, too"}, checkListen),
			cli.Duration(time.Second, cli.Forever, cli.DurationFlag{Name: "rebuild", Usage: "read or build the bundles anew every `DURATION`", DefaultText: "24h where they are built, else never"}),
			cli.CheckedList(cli.StringSliceFlag{Name: "trust-proxy", Usage: "believe what proxies in `PREFIX` say about their clients' addresses"}, checkPrefix),
			cli.OneOf(cli.StringFlag{Name: "proxy-header", Value: "X-Forwarded-For", Usage: "they say it in this `HEADER`: X-Forwarded-For or Forwarded"}, "X-Forwarded-For", "Forwarded"),
			&cli.StringSliceFlag{Name: "block", Usage: "refuse the clients whose prefixes are in `FILE`, one a line"},
			cli.Checked(cli.StringFlag{Name: "per-client", Usage: "bundles for one client network, such as 12/1h (the default), or none"}, checkRate),
			cli.Checked(cli.StringFlag{Name: "global", Usage: "bundles for all clients, such as 200/10s (the default), or none"}, checkRate),
			cli.Int(1, 32, cli.IntFlag{Name: "v4-bits", Value: 24, Usage: "a client network is `BITS` of an IPv4 address"}),
			cli.Int(1, 128, cli.IntFlag{Name: "v6-bits", Value: 48, Usage: "a client network is `BITS` of an IPv6 address"}),
			cli.Int(1, 1<<20, cli.IntFlag{Name: "max-conns", Usage: "at most `N` connections", DefaultText: "4096"}),
			&cli.BoolFlag{Name: "any-agent", Usage: "serve browsers too, not only what calls itself " + serve.UserAgent},
			&cli.StringFlag{Name: "salt", Usage: "the salt of the choice of bundles is in `FILE` (default reseed/salt in --dir)"},
			&cli.BoolFlag{Name: "log-addresses", Usage: "write clients' addresses into the log"},
		}...),
		Action: func(c *cli.Context) error {
			args := c.Args().Slice()
			cfg, err := serveConfig(c, args)
			if err != nil {
				return err
			}
			return runServer(c, cfg)
		},
	}
}

func checkListen(text string) error {
	_, port, err := net.SplitHostPort(text)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return fmt.Errorf("%q is no ADDRESS:PORT such as 127.0.0.1:8443", text)
	}
	return nil
}

func checkPrefix(text string) error {
	_, err := parsePrefix(text)
	return err
}

func checkRate(text string) error {
	_, err := parseRate(text)
	return err
}

// serveConfig turns flags into a server's configuration.
func serveConfig(c *cli.Context, args []string) (cfg serve.Config, err error) {
	level := slog.LevelInfo
	if c.Bool("verbose") {
		level = slog.LevelDebug
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
	cfg = serve.Config{
		Rebuild: c.Duration("rebuild"),
		Limits:  serve.Limits{V4Bits: c.Int("v4-bits"), V6Bits: c.Int("v6-bits"), Conns: c.Int("max-conns")},
		Proxies: serve.Proxies{Header: c.String("proxy-header")},
		Block:   serve.Block{Files: c.StringSlice("block")},
		TLS:     serve.TLS{CertFile: c.String("tls-cert"), KeyFile: c.String("tls-key")},
		Log:     log, LogAddresses: c.Bool("log-addresses"),
	}
	if !c.Bool("quiet") {
		cfg.Access = log
	}
	if c.Bool("any-agent") {
		cfg.UserAgents = []string{"*"}
	}
	switch plain := c.Bool("plain"); {
	case plain && cfg.TLS.CertFile+cfg.TLS.KeyFile != "":
		return cfg, cli.Usagef("serve: --plain and a TLS certificate exclude each other")
	case !plain && (cfg.TLS.CertFile == "" || cfg.TLS.KeyFile == ""):
		return cfg, cli.WithHint(cli.Usagef("serve: --tls-cert and --tls-key are missing"), "--plain serves a reverse proxy without TLS; keygen --tls makes a self-signed certificate")
	}
	for _, text := range c.StringSlice("trust-proxy") {
		prefix, err := parsePrefix(text)
		if err != nil {
			return cfg, cli.Usagef("serve: --trust-proxy: %w", err)
		}
		cfg.Proxies.Trusted = append(cfg.Proxies.Trusted, prefix)
	}
	if cfg.Limits.PerClient, err = parseRate(c.String("per-client")); err != nil {
		return cfg, cli.Usagef("serve: --per-client: %w", err)
	}
	if cfg.Limits.Global, err = parseRate(c.String("global")); err != nil {
		return cfg, cli.Usagef("serve: --global: %w", err)
	}
	if err := serveSource(c, args, &cfg); err != nil {
		return cfg, err
	}
	cfg.NetID = c.Int("netid") // which the source may have told
	cfg.Salt, err = loadSalt(c)
	return cfg, err
}

// serveSource is where the bundles come from.
func serveSource(c *cli.Context, args []string, cfg *serve.Config) error {
	builds := c.String("netdb") != "" || c.Bool("router")
	switch {
	case builds == (len(args) > 0):
		return cli.Usagef("serve: name either a DIR with bundles, or --netdb or --router to build them of")
	case builds:
		cfg.Rebuild = cmp.Or(cfg.Rebuild, day)
		source, err := builtSource(c)
		cfg.Bundles = source
		return err
	}
	info, err := os.Stat(args[0])
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return cli.Usagef("serve: %s is no directory", args[0])
	}
	cfg.Bundles = serve.Directory(args[0])
	return nil
}

func loadSalt(c *cli.Context) ([]byte, error) {
	path := c.String("salt")
	if path == "" {
		dir, err := cli.DataDir(c.String("dir"))
		if err != nil {
			return nil, err
		}
		path = filepath.Join(dir, "reseed", "salt")
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	return serve.LoadSalt(path)
}

func parsePrefix(text string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(text); err == nil {
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	prefix, err := netip.ParsePrefix(text)
	if err != nil {
		return prefix, fmt.Errorf("%q is no prefix such as 10.0.0.0/8", text)
	}
	return prefix.Masked(), nil
}

// parseRate reads "12/1h" or "none"; empty is the default.
func parseRate(text string) (serve.Rate, error) {
	if text == "" {
		return serve.Rate{}, nil
	}
	if text == "none" {
		return serve.Unlimited(), nil
	}
	count, per, ok := strings.Cut(text, "/")
	n, err := strconv.Atoi(count)
	if err != nil || !ok || n < 1 {
		return serve.Rate{}, fmt.Errorf("%q is no rate such as 12/1h", text)
	}
	if per == "h" || per == "m" || per == "s" {
		per = "1" + per
	}
	d, err := time.ParseDuration(per)
	if err != nil || d <= 0 {
		return serve.Rate{}, fmt.Errorf("%q is no rate such as 12/1h", text)
	}
	return serve.Rate{N: n, Per: d}, nil
}

// runServer serves until the command is interrupted. Bundles that cannot be read or built
// at the start end it.
func runServer(c *cli.Context, cfg serve.Config) error {
	cli.Serve(c)
	server, err := serve.New(cfg)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(c.Context)
	defer cli.OnHangup(func() { server.Reload(ctx) })() // it logs what went wrong
	defer cancel()
	var listening net.ListenConfig
	unlessStopped := func(err error) error { // the bundles take a while, and whoever stops us then has not seen us fail
		if c.Context.Err() != nil {
			return nil
		}
		return err
	}
	public, err := listening.Listen(c.Context, "tcp", c.String("listen"))
	if err != nil {
		return unlessStopped(err)
	}
	defer public.Close()
	var metrics net.Listener
	if addr := c.String("metrics"); addr != "" {
		if metrics, err = listening.Listen(c.Context, "tcp", addr); err != nil {
			return unlessStopped(err)
		}
		defer metrics.Close()
	}
	if err := server.Reload(c.Context); err != nil {
		return unlessStopped(err)
	}
	cfg.Log.Info("serving", "listen", public.Addr().String(), "tls", cfg.TLS.CertFile != "")
	var background sync.WaitGroup
	background.Go(func() { server.Run(ctx) })
	failed := make(chan error, 1)
	if metrics != nil {
		cfg.Log.Info("serving metrics", "listen", metrics.Addr().String())
		background.Go(func() {
			failed <- server.ServeMetrics(ctx, metrics)
			cancel()
		})
	} else {
		failed <- nil
	}
	err = server.Serve(ctx, public)
	cancel()
	background.Wait()
	return errors.Join(err, <-failed)
}
