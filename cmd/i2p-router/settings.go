package main

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"strings"

	"i2ptoolkit/pkg/cli"
	"i2ptoolkit/pkg/config"
	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/node"
)

func configFlag() cli.Flag {
	return &cli.StringFlag{Name: "config", EnvVars: []string{"I2P_CONFIG"}, Usage: "configuration `FILE` (default $XDG_CONFIG_HOME/i2p/router.toml)"}
}

// settingFlags are the settings that a command line can name.
func settingFlags() []cli.Flag {
	number := func(name, usage string) cli.Flag {
		s := settingOf(name)
		return cli.Int(s.Least, s.Most, cli.IntFlag{Name: name, Usage: usage, DefaultText: s.DefaultText()})
	}
	return []cli.Flag{
		configFlag(),
		&cli.BoolFlag{Name: "ephemeral", Usage: "write nothing to a disk, and be another router at every start"},
		passphraseFlag("state-passphrase", "encrypt the data directory with the passphrase from `SOURCE`: prompt, env:NAME or file:PATH"),
		&cli.StringSliceFlag{Name: "host", Usage: "publish `ADDRESS`; may be repeated"},
		number("port", "listen on and publish `PORT`; 0: chosen at the first start and kept"),
		&cli.StringSliceFlag{Name: "listen", Usage: "bind NTCP2 to `ADDRESS:PORT` instead of --host and --port; may be repeated"},
		&cli.BoolFlag{Name: "no-port-mapping", Usage: "ask no gateway to pass the port on to this machine"},
		number("netid", "network `NUMBER`; 2 is the public one"),
		&cli.BoolFlag{Name: "testnet", Usage: "private network: no reseed, reserved addresses and routers of one /16 allowed"},
		&cli.StringSliceFlag{Name: "bootstrap", Usage: "read router.info files, netDb directories or zips at `PATH` instead of a reseed; may be repeated"},
		&cli.StringSliceFlag{Name: "reseed", Usage: "get first routers from the reseed server at `URL`, or the su3 file, zip or netDb directory at PATH, instead of the known servers; may be repeated"},
		&cli.StringFlag{Name: "reseed-proxy", EnvVars: []string{"I2P_RESEED_PROXY"}, Usage: "reach reseed servers through the proxy at `URL`: socks5://, http:// or https://"},
		&cli.BoolFlag{Name: "no-reseed", Usage: "ask no reseed server unless told to"},
		&cli.BoolFlag{Name: "floodfill", Usage: "keep and serve a part of the netDb"},
		&cli.BoolFlag{Name: "no-ssu2", Usage: "speak NTCP2 alone, and nothing over UDP"},
		&cli.BoolFlag{Name: "floodfill-auto", Usage: "be a floodfill while the router is reachable and has what it needs to spare"},
		&cli.BoolFlag{Name: "hidden", Usage: "publish no address"},
		number("bandwidth-in", "limit what comes in to `KBPS`; 0: no limit"),
		number("bandwidth-out", "limit what goes out to `KBPS`; 0: no limit"),
		number("share", "let transit use `PERCENT` of the bandwidth"),
		number("transit", "carry at most `NUMBER` tunnels for others"),
		logLevelFlag(cli.StringFlag{DefaultText: config.Default().LogLevel}),
	}
}

// logLevelFlag is f as a choice of log levels.
func logLevelFlag(f cli.StringFlag) cli.Flag {
	f.Name, f.Usage = "log-level", "`LEVEL`: debug, info, warn or error"
	return cli.OneOf(f, logLevels()...)
}

func logLevels() []string { return settingOf("log-level").OneOf }

// settingOf is the setting that a flag is laid over: what holds for one holds for both.
func settingOf(flag string) config.Setting {
	for _, s := range config.Settings() {
		if s.Flag == flag {
			return s
		}
	}
	panic("no setting has the flag --" + flag)
}

// readSettings reads the configuration file and lays the flags over it.
func readSettings(c *cli.Context) (config.Config, error) {
	s, err := readFile(c)
	if err != nil {
		return s, err
	}
	overlay(c, &s)
	if s.Ephemeral {
		s.DataDir = ""
	} else if s.DataDir, err = cli.DataDir(s.DataDir); err != nil {
		return s, err
	}
	if err := s.Check(); err != nil {
		return s, cli.Usagef("%w", err)
	}
	if s.Ephemeral && s.Socket == "" {
		return s, cli.WithHint(cli.Usagef("an ephemeral router has no data directory for its control socket"), "name one with --socket, or the directory for run-time files with XDG_RUNTIME_DIR")
	}
	if err := cli.CheckSocket(s.Socket); err != nil {
		return s, err
	}
	return s, nil
}

// rereadSettings is readSettings of a router that runs. Standard input has nothing more to give: it
// would be read as a file in which nothing is set.
func rereadSettings(c *cli.Context) (config.Config, error) {
	if path, _ := cli.ConfigPath(c.String("config")); path == "-" {
		return config.Config{}, errors.New("the configuration came from standard input, which cannot be read again")
	}
	return readSettings(c)
}

// editSettings sets keys in the file of a router that runs. What the command line says is not the file's to change.
func editSettings(c *cli.Context, set map[string]any, apply func() error) error {
	path, _ := cli.ConfigPath(c.String("config"))
	if path == "-" {
		return errors.New("the configuration came from standard input, which cannot be changed")
	}
	for _, s := range config.Settings() {
		if _, is := set[s.Key]; is && s.Flag != "" && c.IsSet(s.Flag) {
			return control.Errorf(control.BadRequest, "%s: --%s was said at the router's start, and lies over the file", s.Key, s.Flag)
		}
	}
	return config.EditFile(path, set, apply)
}

// maxConfig bounds what is read as a configuration file.
const maxConfig = 4 << 20

// readFile reads a configuration file. One that nobody named need not exist.
func readFile(c *cli.Context) (config.Config, error) {
	path, mustExist := cli.ConfigPath(c.String("config"))
	text, err := cli.ReadText(c, path, maxConfig)
	if errors.Is(err, fs.ErrNotExist) && !mustExist {
		return config.Default(), nil
	}
	if err != nil {
		return config.Config{}, err
	}
	s, err := config.Parse(text)
	if err != nil {
		return s, cli.Dataf("%s: %w", cli.InputName(path), err)
	}
	return s, nil
}

// overlay puts what the command line or the environment names over the file's settings.
func overlay(c *cli.Context, s *config.Config) {
	text := map[string]*string{"log-level": &s.LogLevel, "reseed-proxy": &s.Reseed.Proxy, "state-passphrase": &s.StatePassphrase}
	numbers := map[string]*int{
		"port": &s.Port, "netid": &s.NetID, "bandwidth-in": &s.Bandwidth.In,
		"bandwidth-out": &s.Bandwidth.Out, "share": &s.Bandwidth.Share, "transit": &s.Transit.MaxTunnels,
	}
	switches := map[string]*bool{"testnet": &s.Testnet, "floodfill": &s.Floodfill, "floodfill-auto": &s.FloodfillAuto, "hidden": &s.Hidden, "ephemeral": &s.Ephemeral}
	lists := map[string]*[]string{"host": &s.Hosts, "listen": &s.NTCP2.Listen, "bootstrap": &s.Bootstrap}
	for name, p := range text {
		if v := c.String(name); v != "" { // an empty environment variable names nothing
			*p = v
		}
	}
	for name, p := range numbers {
		if c.IsSet(name) {
			*p = c.Int(name)
		}
	}
	for name, p := range switches {
		if c.IsSet(name) {
			*p = c.Bool(name)
		}
	}
	for name, p := range lists {
		if c.IsSet(name) {
			*p = c.StringSlice(name)
		}
	}
	if c.IsSet("reseed") {
		s.Reseed.URLs, s.Reseed.Sources = splitSources(c.StringSlice("reseed"))
	}
	if c.Bool("no-port-mapping") {
		s.PortMapping = false
	}
	if c.Bool("no-ssu2") {
		s.SSU2.Enabled = false
	}
	if c.Bool("no-reseed") {
		s.Reseed.Enabled = false
	}
	// What reaches the socket with the same flags and environment knows no file: a directory named
	// there outranks the file's socket, and the file's data_dir moves the data alone.
	s.DataDir = cmp.Or(c.String("dir"), s.DataDir)
	named := cmp.Or(cli.NamedSocket(c), s.Socket)
	if path, err := cli.SocketPath(named); err == nil && (named != "" || !s.Ephemeral || cli.HasRuntimeDir()) {
		s.Socket = path
	}
}

// splitSources tells servers from files and directories.
func splitSources(args []string) (urls, paths []string) {
	urls, paths = []string{}, []string{}
	for _, a := range args {
		if strings.Contains(a, "://") {
			urls = append(urls, a)
		} else {
			paths = append(paths, a)
		}
	}
	return urls, paths
}

func configCommand() *cli.Command {
	return &cli.Command{
		Name:  "config",
		Usage: "check or show the configuration",
		Subcommands: []*cli.Command{
			{
				Name:  "check",
				Usage: "tell whether the configuration is good, and the files are there that it names",
				Flags: append(settingFlags(), cli.RouterFlags()...),
				Action: func(c *cli.Context) error {
					s, err := readSettings(c)
					if err != nil {
						return err
					}
					return cli.BadData("", node.Check(s))
				},
			},
			{
				Name:  "show",
				Usage: "print the settings that would hold, as TOML",
				Flags: append(settingFlags(), cli.RouterFlags(
					&cli.BoolFlag{Name: "comments", Usage: "say before each setting what it means"},
					cli.JSONFlag(),
				)...),
				Action: func(c *cli.Context) error {
					s, err := readSettings(c)
					if err != nil {
						return err
					}
					if c.Bool("json") {
						return cli.PrintJSON(s)
					}
					show := s.AppendTo
					if c.Bool("comments") {
						show = s.AppendCommented
					}
					_, err = os.Stdout.Write(show(nil))
					return err
				},
			},
		},
	}
}
