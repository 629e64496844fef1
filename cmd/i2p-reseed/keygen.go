package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"i2ptoolkit/pkg/cli"
	"i2ptoolkit/pkg/reseed"
)

const defaultBits = 4096 // su3 signature type 6, which every router verifies

func keygenCommand() *cli.Command {
	return &cli.Command{
		Name:      "keygen",
		Usage:     "make a signer's key and certificate, or a web server's",
		ArgsUsage: "SIGNER|HOST",
		Description: "SIGNER looks like an address of mail: you@mail.i2p. Its key stays in --keys; its certificate goes to\n" +
			"those who shall trust the bundles. With --tls the argument is a web server's name or address, and key and\n" +
			"certificate are for serve: only clients that were given the certificate trust it.",
		Flags: []cli.Flag{
			keysFlag(), cli.DirFlag(),
			&cli.BoolFlag{Name: "tls", Usage: "make the key and the self-signed certificate of a web server"},
			cli.ForceFlag(), cli.JSONFlag(),
		},
		Action: func(c *cli.Context) error {
			args := c.Args().Slice()
			dir, err := keysDir(c)
			if err != nil {
				return err
			}
			if c.Bool("tls") {
				key, certificate, err := newServerKey(args[0], time.Now())
				if err != nil {
					return cli.Usagef("keygen: %w", err)
				}
				return writePair(c, pairFiles(dir, strings.ReplaceAll(args[0], ":", "_"), serverKeySuffix), args[0], key, certificate)
			}
			if err := checkSigner(args[0]); err != nil {
				return err
			}
			key, certificate, err := reseed.NewSigner(args[0], defaultBits, time.Now(), rand.Reader)
			if err != nil {
				return err
			}
			return writePair(c, pairFiles(dir, signerFile(args[0]), keySuffix), args[0], key, certificate)
		},
	}
}

// signerFile is what routers call a signer's certificate, without its suffix.
func signerFile(id string) string { return strings.ReplaceAll(id, "@", "_at_") }

func checkSigner(id string) error {
	name, host, ok := strings.Cut(id, "@")
	if !ok || name == "" || host == "" || len(id) > 64 || strings.ContainsFunc(id, func(r rune) bool {
		return r <= ' ' || r > '~' || strings.ContainsRune(`/\"'=,`, r)
	}) {
		return cli.Usagef("%q is no signer: expected something like you@mail.i2p", id)
	}
	return nil
}

// pair is what keygen and rotate made.
type pair struct {
	Name        string    `json:"name"`
	Key         string    `json:"key"`
	Certificate string    `json:"certificate"`
	NotBefore   time.Time `json:"not_before"`
	NotAfter    time.Time `json:"not_after"`
}

// pairFiles names a pair's files. The suffix of the key tells a web server's, which is no
// signer's.
func pairFiles(dir, base, suffix string) pair {
	return pair{Key: filepath.Join(dir, base+suffix), Certificate: filepath.Join(dir, base+certificateSuffix)}
}

// writePair writes a key and its certificate, and prints where.
func writePair(c *cli.Context, p pair, name string, key, certificate []byte) error {
	defer clear(key)
	parsed, err := parseCertificate(certificate)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(p.Key), 0o700); err != nil {
		return err
	}
	p.Name, p.NotBefore, p.NotAfter = name, parsed.NotBefore, parsed.NotAfter
	force := c.Bool("force")
	if _, err := os.Lstat(p.Certificate); err == nil && !force {
		return cli.WithHint(fmt.Errorf("%s exists already", p.Certificate), "--force replaces it; rotate makes a further key")
	}
	if err := cli.CreateFile(c, p.Key, key, force); err != nil {
		return err
	}
	if err := cli.CreatePublic(c, p.Certificate, certificate, force); err != nil {
		return err
	}
	if c.Bool("json") {
		return cli.PrintJSON(p)
	}
	return errors.Join(cli.Printf("%s", p.Key), cli.Printf("%s", p.Certificate))
}
