package main

import (
	"log/slog"
	"os"
	"path/filepath"
	"strconv"

	"i2ptoolkit/pkg/cli"
	"i2ptoolkit/pkg/config"
	"i2ptoolkit/pkg/node"
)

func runCommand() *cli.Command {
	return &cli.Command{
		Name:  "run",
		Usage: "run a router in the foreground",
		Description: "It uses as many processors as its work needs, one where that is little; GOMAXPROCS in the environment\n" +
			"sets another number.",
		Flags: append(settingFlags(), cli.RouterFlags(
			notifyFlag("write a newline to file descriptor `FD` once ready, and close it"),
		)...),
		Action: func(c *cli.Context) error {
			told, err := newNotifier(c.Int("notify-fd"))
			if err != nil {
				return err
			}
			s, err := readSettings(c)
			if err != nil {
				return err
			}
			if err := cli.BadData("", node.Check(s)); err != nil {
				return err
			}
			passphrase, err := statePassphrase(c, s)
			if err != nil {
				return err
			}
			if s.Ephemeral || passphrase != nil {
				if err := keepFromDisk(); err != nil {
					return err
				}
			}
			if !s.Ephemeral {
				if err := os.MkdirAll(s.DataDir, 0o700); err != nil {
					return err
				}
			}
			level := new(slog.LevelVar)
			if err := level.UnmarshalText([]byte(s.LogLevel)); err != nil {
				return cli.Usagef("%w", err)
			}
			cli.Serve(c)
			return runRouter(c.Context, runConfig{
				Settings: s, Passphrase: passphrase,
				Log:    slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level})),
				Level:  level,
				Reread: func() (config.Config, error) { return rereadSettings(c) },
				Edit:   func(set map[string]any, apply func() error) error { return editSettings(c, set, apply) },
				Ready:  told.ready,
			})
		},
	}
}

// notifyFlag names a file descriptor beside the standard streams.
func notifyFlag(usage string) cli.Flag {
	return cli.Int(3, 1<<20, cli.IntFlag{Name: "notify-fd", Usage: usage, DefaultText: "none"})
}

func devnetCommand() *cli.Command {
	return &cli.Command{
		Name:  "devnet",
		Usage: "run a private network of routers in this process",
		Description: "The routers find each other on loopback; nothing leaves the machine. Each has a control socket\n" +
			"at DIR/0/router.sock, DIR/1/router.sock, …, so that every tool works without the Internet. stop with the\n" +
			"socket of one ends that router alone; the network ends with the last of them, or at a signal.",
		Flags: []cli.Flag{
			cli.Int(2, 100, cli.IntFlag{Name: "n", Value: 8, Usage: "`NUMBER` of routers, 2 to 100"}),
			&cli.StringFlag{Name: "dir", EnvVars: []string{"I2P_DIR"}, Usage: "keep the routers' data in `DIR` (default: a temporary one)"},
			logLevelFlag(cli.StringFlag{Value: "warn"}),
			notifyFlag("write a newline to file descriptor `FD` once all have tunnels, and close it"),
		},
		Action: serveDevnet,
	}
}

func serveDevnet(c *cli.Context) error {
	n := c.Int("n")
	told, err := newNotifier(c.Int("notify-fd"))
	if err != nil {
		return err
	}
	level := new(slog.LevelVar)
	if err := level.UnmarshalText([]byte(c.String("log-level"))); err != nil {
		return cli.Usagef("devnet: %w", err)
	}
	dir, remove, err := devnetDir(c.String("dir"), n)
	if err != nil {
		return err
	}
	defer remove()
	cli.Serve(c)
	cli.Notef(c, "%d routers in %s", n, dir)
	return runDevnet(c.Context, devnetConfig{
		Routers: n,
		Dir:     dir,
		Log:     slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level})),
		Level:   level,
		Ready: func() error {
			cli.Notef(c, "ready")
			return told.ready()
		},
	})
}

// devnetDir makes the directory of n routers, and removes it afterwards unless it was named.
func devnetDir(named string, n int) (dir string, remove func(), err error) {
	dir, remove = named, func() {}
	if named == "" {
		if dir, err = os.MkdirTemp("", "i2p-devnet-"); err != nil {
			return "", nil, err
		}
		remove = func() { os.RemoveAll(dir) }
	}
	err = cli.CheckSocket(filepath.Join(dir, strconv.Itoa(n-1), "router.sock"))
	if err == nil {
		err = os.MkdirAll(dir, 0o700)
	}
	if err != nil {
		remove()
	}
	return dir, remove, err
}

// runConfig is what runRouter is told.
type runConfig struct {
	Settings   config.Config
	Passphrase []byte
	Log        *slog.Logger
	Level      *slog.LevelVar // of Log: what log-level changes
	// Reread gives the settings as a reload finds them.
	Reread func() (config.Config, error)
	// Edit sets keys of the file for good, if apply is content with that.
	Edit func(set map[string]any, apply func() error) error
	// Ready is to be called once, when the router listens and its control socket answers.
	Ready func() error
}

// devnetConfig is what runDevnet is told.
type devnetConfig struct {
	Routers int
	Dir     string // router i has Dir/i and Dir/i/router.sock
	Log     *slog.Logger
	Level   *slog.LevelVar
	// Ready is to be called once, when all routers have tunnels.
	Ready func() error
}
