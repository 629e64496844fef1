package main

import (
	"bytes"
	"encoding/hex"
	"errors"
	"os"
	"runtime"

	"i2ptoolkit/pkg/cli"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/words"
)

// maxKeyFile bounds what is read as a key file: the largest, in hex, is well below.
const maxKeyFile = 16 << 10

// readKeys reads what the one argument names, or stdin: see loadKeys.
func readKeys(c *cli.Context) (keys *i2p.PrivateKeys, id i2p.Identity, err error) {
	args := c.Args().Slice()
	path, err := inputOf(c, args)
	if err != nil {
		return nil, id, err
	}
	return loadKeys(c, path)
}

// inputOf is the argument that names the input, by default stdin unless that is a terminal.
func inputOf(c *cli.Context, args []string) (string, error) {
	if len(args) > 0 {
		return args[0], nil
	}
	if cli.IsTerminal(os.Stdin) {
		return "", cli.Usagef("%s: name a file, or - for stdin", c.Command.Name)
	}
	return "-", nil
}

// loadKeys reads a private key file, or a public identity, in binary, base64 or hex; keys is
// nil for the latter.
func loadKeys(c *cli.Context, path string) (keys *i2p.PrivateKeys, id i2p.Identity, err error) {
	b, err := cli.ReadInput(c, path, maxKeyFile)
	if err != nil {
		return nil, id, err
	}
	defer clear(b)
	if len(b) == 0 {
		return nil, id, cli.Dataf("%s is empty", cli.InputName(path))
	}
	keys, id, err = parseKeys(b)
	if err != nil {
		return nil, id, cli.Dataf("%s is no key file: %w", cli.InputName(path), err)
	}
	return keys, id, nil
}

func parseKeys(b []byte) (*i2p.PrivateKeys, i2p.Identity, error) {
	text := bytes.TrimSpace(words.Unmarked(b))
	if raw, err := hex.DecodeString(string(text)); err == nil && len(raw) > 0 {
		b = raw
	} else if raw, err := i2p.DecodeBase64(string(text)); err == nil && len(raw) > 0 {
		b = raw
	}
	keys, keyErr := i2p.ParseKeyFile(b)
	if keyErr == nil {
		return keys, keys.Identity, nil
	}
	if id, trailing, err := i2p.ParseIdentity(b); err == nil && len(trailing) == 0 {
		return nil, id, nil
	}
	return nil, i2p.Identity{}, keyErr
}

// loadPrivate reads a private key file.
func loadPrivate(c *cli.Context, path string) (*i2p.PrivateKeys, error) {
	keys, _, err := loadKeys(c, path)
	if err != nil {
		return nil, err
	}
	if keys == nil {
		return nil, cli.Dataf("%s is public: a private key file is needed", cli.InputName(path))
	}
	return keys, nil
}

// loadSigner reads a private key file whose own signing key is in it: what a transient key
// signs does not verify with the destination.
func loadSigner(c *cli.Context, path string) (*i2p.PrivateKeys, error) {
	keys, err := loadPrivate(c, path)
	if err != nil {
		return nil, err
	}
	if keys.Offline != nil {
		return nil, cli.Dataf("%s has a transient key only: the key file that it was made of is needed", cli.InputName(path))
	}
	if !keys.Identity.SigType().CanSign() {
		return nil, cli.Dataf("%s: %v keys are only read, not used to sign", cli.InputName(path), keys.Identity.SigType())
	}
	return keys, nil
}

// keyFlag names the key file that a verb uses beside its input.
func keyFlag(name, usage string) *cli.StringFlag {
	f := &cli.StringFlag{Name: name, Usage: usage}
	if name == "key" {
		f.Aliases = []string{"k"}
	}
	return f
}

// need returns a flag's value, or a usage error.
func need(c *cli.Context, flag string) (string, error) {
	if v := c.String(flag); v != "" {
		return v, nil
	}
	return "", cli.WithHint(cli.Usagef("%s: --%s is missing", c.Command.Name, flag), "see %s --help", c.Command.HelpName)
}

// writeText writes text that may be a secret to where -o says, or to stdout.
func writeText(c *cli.Context, text string) error {
	if path := c.String("output"); path != "" && path != "-" {
		return cli.CreateFile(c, path, []byte(text), c.Bool("force"))
	}
	_, err := os.Stdout.WriteString(text)
	return err
}

// writeSecret is writeText of a secret.
func writeSecret(c *cli.Context, text string) error {
	noteReadable(c)
	return writeText(c, text)
}

// noteReadable warns, unless -q was given, where a secret goes to a file that a shell has opened with
// a mode by which others may read it.
func noteReadable(c *cli.Context) {
	if path := c.String("output"); path != "" && path != "-" || runtime.GOOS == "windows" { // which has no such modes
		return
	}
	if info, err := os.Stdout.Stat(); err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o044 != 0 {
		cli.Notef(c, "the key is secret, and others may read the file that stdout is (mode %04o): write keys with -o FILE, or with umask 077", info.Mode().Perm())
	}
}

// errWrongType means that a key's type has no such form.
var errWrongType = errors.New("keys of this type have no such form")

// writeJSON writes a result that may be a secret as one JSON object.
func writeJSON(c *cli.Context, v any) error {
	b, err := cli.MarshalJSON(v)
	if err != nil {
		return err
	}
	defer clear(b)
	return writeSecret(c, string(b))
}
