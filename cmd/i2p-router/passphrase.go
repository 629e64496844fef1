package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/term"

	"i2ptoolkit/pkg/cli"
	"i2ptoolkit/pkg/config"
	"i2ptoolkit/pkg/node"
)

// passphraseEnv has the passphrase where nothing says where it is.
const passphraseEnv = "I2P_STATE_PASSPHRASE"

// maxPassphrase bounds what is read as one.
const maxPassphrase = 4 << 10

func passphraseFlag(name, usage string) cli.Flag {
	return cli.Checked(cli.StringFlag{Name: name, Usage: usage}, checkSource)
}

// checkSource does not repeat what may be the passphrase itself.
func checkSource(source string) error {
	s := config.Default()
	s.StatePassphrase = source
	return s.Check()
}

// statePassphrase is that of a router's data directory; nil: it is to be in clear. A new one from
// a terminal is asked for twice.
func statePassphrase(c *cli.Context, s config.Config) ([]byte, error) {
	if s.Ephemeral {
		return nil, nil
	}
	encrypted := node.Sealed(s.DataDir)
	source := s.StatePassphrase
	switch {
	case source != "":
	case os.Getenv(passphraseEnv) != "":
		source = "env:" + passphraseEnv
	case encrypted && cli.IsTerminal(os.Stdin):
		source = "prompt"
	default:
		return nil, nil
	}
	return readPassphrase(c, source, "passphrase of "+s.DataDir, !encrypted)
}

// placeOf is what a person calls a place of passphrases.
func placeOf(source string) string {
	from, name, _ := strings.Cut(source, ":")
	switch {
	case from == "prompt":
		return "the terminal"
	case from == "env":
		return "the environment's " + name
	case name == "-":
		return cli.StandardInput
	}
	return name
}

// readPassphrase takes a passphrase from where it is.
func readPassphrase(c *cli.Context, source, what string, twice bool) (b []byte, err error) {
	from, name, _ := strings.Cut(source, ":")
	switch from {
	case "prompt":
		if b, err = prompt(c.Context, what); err == nil && twice {
			var again []byte
			if again, err = prompt(c.Context, what+" again"); err == nil && !bytes.Equal(b, again) {
				err = errors.New("the two passphrases differ")
			}
			clear(again)
		}
	case "env":
		b = []byte(os.Getenv(name))
		os.Unsetenv(name) // commands that are run need not know it
	case "file":
		b, err = cli.ReadInput(c, name, maxPassphrase)
		b = bytes.TrimRight(b, "\r\n")
	}
	if err == nil && len(b) == 0 {
		err = fmt.Errorf("the %s is empty: %s has none", what, placeOf(source))
	}
	return b, err
}

// prompt asks at the terminal, which is as it was before when ctx ends first.
func prompt(ctx context.Context, what string) ([]byte, error) {
	if !cli.IsTerminal(os.Stdin) {
		return nil, cli.Usagef("a passphrase can be asked for at a terminal only: name env:NAME or file:PATH")
	}
	fd := int(os.Stdin.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(os.Stderr, "%s: ", what)
	defer fmt.Fprintln(os.Stderr)
	type line struct {
		b   []byte
		err error
	}
	typed := make(chan line, 1)
	go func() {
		b, err := term.ReadPassword(fd)
		typed <- line{b, err}
	}()
	select {
	case l := <-typed:
		return l.b, l.err
	case <-ctx.Done():
		return nil, errors.Join(context.Cause(ctx), term.Restore(fd, before))
	}
}

// explainState says what to do about a directory that is encrypted.
func explainState(err error) error {
	if errors.Is(err, node.ErrSealed) {
		return cli.WithHint(err, "name where it is with --state-passphrase, or put it into %s", passphraseEnv)
	}
	return err
}

func stateCommand() *cli.Command {
	flags := func(more ...cli.Flag) []cli.Flag {
		return append(append(more, passphraseFlag("state-passphrase", "the passphrase is from `SOURCE`: prompt, env:NAME or file:PATH (default: the environment's "+passphraseEnv+", else prompt)")), cli.DirFlag())
	}
	return &cli.Command{
		Name:  "state",
		Usage: "look after an encrypted data directory, while no router runs on it",
		Subcommands: []*cli.Command{
			{
				Name:  "passphrase",
				Usage: "change the passphrase",
				Flags: flags(passphraseFlag("new-passphrase", "the new passphrase is from `SOURCE` (default: prompt)")),
				Action: func(c *cli.Context) error {
					return withState(c, func(dir string, old []byte) error {
						fresh, err := readPassphrase(c, cmp.Or(c.String("new-passphrase"), "prompt"), "new passphrase", true)
						if err != nil {
							return err
						}
						return node.ChangePassphrase(dir, old, fresh)
					})
				},
			},
			{
				Name:   "decrypt",
				Usage:  "put the files into clear",
				Flags:  flags(),
				Action: func(c *cli.Context) error { return withState(c, node.Decrypt) },
			},
		},
	}
}

// withState does something to the data directory that the flags name.
func withState(c *cli.Context, do func(dir string, passphrase []byte) error) error {
	dir, err := cli.DataDir(c.String("dir"))
	if err != nil {
		return err
	}
	if !node.Sealed(dir) {
		return fmt.Errorf("%s is not encrypted", dir)
	}
	source := cmp.Or(c.String("state-passphrase"), "prompt")
	if c.String("state-passphrase") == "" && os.Getenv(passphraseEnv) != "" {
		source = "env:" + passphraseEnv
	}
	if err := keepFromDisk(); err != nil {
		return err
	}
	passphrase, err := readPassphrase(c, source, "passphrase of "+dir, false)
	if err != nil {
		return err
	}
	return do(dir, passphrase)
}
