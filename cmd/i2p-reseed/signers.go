package main

import (
	"cmp"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"i2ptoolkit/pkg/cli"
	"i2ptoolkit/pkg/reseed"
	"i2ptoolkit/pkg/su3"
)

const (
	keySuffix         = ".pem"
	serverKeySuffix   = ".key" // of a web server's key
	certificateSuffix = ".crt"
	maxKeyFile        = 64 << 10 // bytes; a key of RSA-4096 in PEM has 3 KB
)

// signerFlags name who signs.
func signerFlags(more ...cli.Flag) []cli.Flag {
	return append([]cli.Flag{
		&cli.StringFlag{Name: "key", Aliases: []string{"k"}, Usage: "the signer's key is in `FILE`, its certificate beside it"},
		keysFlag(),
		&cli.StringFlag{Name: "signer", Usage: "of several signers in --keys, the one of this `ID`"},
	}, more...)
}

func keysFlag() cli.Flag {
	return cli.WrittenDirectory(cli.StringFlag{Name: "keys", EnvVars: []string{"I2P_RESEED_KEYS"}, Usage: "keys and certificates are in `DIR` (default reseed in --dir)"})
}

// generation is one of a signer's keys, with the certificate that says when it holds.
type generation struct {
	ID           string
	Key          string // file
	Certificate  string // file
	Begins, Ends time.Time
}

// keysDir is where keys are kept.
func keysDir(c *cli.Context) (string, error) {
	if dir := c.String("keys"); dir != "" {
		return dir, nil
	}
	dir, err := cli.DataDir(c.String("dir"))
	return filepath.Join(dir, "reseed"), err
}

// generations lists the keys of a directory, the newest last. A missing directory has none.
func generations(c *cli.Context, dir string) ([]generation, error) {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var all []generation
	for _, e := range entries {
		base, isCertificate := strings.CutSuffix(e.Name(), certificateSuffix)
		key := filepath.Join(dir, base+keySuffix)
		if !isCertificate || !isRegular(key) || !isRegular(filepath.Join(dir, e.Name())) {
			continue
		}
		g, err := readGeneration(c, key)
		if err != nil {
			return nil, err
		}
		all = append(all, g)
	}
	slices.SortStableFunc(all, func(a, b generation) int {
		return cmp.Or(a.Begins.Compare(b.Begins), cmp.Compare(a.Key, b.Key))
	})
	return all, nil
}

func isRegular(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// readGeneration reads the certificate beside a key.
func readGeneration(c *cli.Context, key string) (generation, error) {
	path := strings.TrimSuffix(key, keySuffix) + certificateSuffix
	text, err := cli.ReadText(c, path, maxKeyFile)
	if err != nil {
		return generation{}, err
	}
	certificate, err := parseCertificate(text)
	if err != nil {
		return generation{}, cli.Dataf("%s: %w", cli.InputName(path), err)
	}
	return generation{ID: certificate.Subject.CommonName, Key: key, Certificate: path, Begins: certificate.NotBefore, Ends: certificate.NotAfter}, nil
}

func parseCertificate(text []byte) (*x509.Certificate, error) {
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "CERTIFICATE" {
		return nil, errors.New("no certificate in PEM")
	}
	return x509.ParseCertificate(block.Bytes)
}

// signing picks the key that signs at a time: the newest of those that hold by then. So a
// key that rotate made takes over by itself on its first day.
func signing(all []generation, id string, now time.Time) (generation, error) {
	var found *generation
	var other string
	for i, g := range all {
		if id != "" && g.ID != id {
			other = fmt.Sprintf(" of %s", id)
			continue
		}
		if now.Before(g.Begins) || now.After(g.Ends) {
			other = " that holds today"
			continue
		}
		found = &all[i]
	}
	if found == nil {
		return generation{}, fmt.Errorf("no key%s", other)
	}
	return *found, nil
}

// loadSigner finds and reads the key that signs now.
func loadSigner(c *cli.Context, now time.Time) (su3.Signer, error) {
	if path := c.String("key"); path != "" {
		g, err := readGeneration(c, path)
		if err != nil {
			return su3.Signer{}, err
		}
		return g.load(c)
	}
	dir, err := keysDir(c)
	if err != nil {
		return su3.Signer{}, err
	}
	all, err := generations(c, dir)
	if err != nil {
		return su3.Signer{}, err
	}
	g, err := signing(all, c.String("signer"), now)
	if err != nil {
		return su3.Signer{}, cli.WithHint(fmt.Errorf("%s: %w", dir, err), "i2p-reseed keygen SIGNER makes one; --keys or --key names another place")
	}
	return g.load(c)
}

func (g generation) load(c *cli.Context) (su3.Signer, error) {
	key, err := cli.ReadInput(c, g.Key, maxKeyFile)
	if err != nil {
		return su3.Signer{}, err
	}
	defer clear(key)
	certificate, err := cli.ReadInput(c, g.Certificate, maxKeyFile)
	if err != nil {
		return su3.Signer{}, err
	}
	signer, _, err := reseed.LoadSigner(key, certificate)
	if err != nil {
		return su3.Signer{}, cli.Dataf("%s: %w", g.Key, err)
	}
	return signer, nil
}
