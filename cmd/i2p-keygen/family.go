package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"i2ptoolkit/pkg/cli"
	"i2ptoolkit/pkg/family"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/routerinfo"
	"i2ptoolkit/pkg/sign"
)

// certificateYears is how long a family's certificate holds.
const certificateYears = 10

func familyCommand() *cli.Command {
	return &cli.Command{
		Name:        "family",
		Usage:       "make router families, sign for them and verify them",
		Subcommands: []*cli.Command{familyNewCommand(), familySignCommand(), familyVerifyCommand()},
	}
}

func familyNewCommand() *cli.Command {
	return &cli.Command{
		Name:      "new",
		Usage:     "make a family's key and certificate",
		ArgsUsage: "NAME",
		Description: "They are written as NAME.key, which is secret, and NAME.crt to the directory of -o, or here. i2pd wants\n" +
			"them in family/ and certificates/family/ of its data directory.",
		Flags: []cli.Flag{
			cli.WrittenDirectory(cli.StringFlag{Name: "output", Aliases: []string{"o"}, Value: ".", Usage: "write to `DIRECTORY`"}),
			cli.ForceFlag(), cli.JSONFlag(),
		},
		Action: func(c *cli.Context) error {
			args := c.Args().Slice()
			if err := family.CheckName(args[0]); err != nil {
				return cli.Usagef("%w", err)
			}
			f, err := family.New(args[0], rand.Reader)
			if err != nil {
				return err
			}
			return writeFamily(c, f)
		},
	}
}

// familyFiles is what family new made.
type familyFiles struct {
	Family      string `json:"family"`
	Key         string `json:"key"`
	Certificate string `json:"certificate"`
}

func writeFamily(c *cli.Context, f family.Family) error {
	now := time.Now()
	certificate, err := f.Certificate(now.Add(-time.Hour), now.AddDate(certificateYears, 0, 0))
	if err != nil {
		return err
	}
	key, err := f.MarshalKey()
	if err != nil {
		return err
	}
	defer clear(key)
	dir, force := c.String("output"), c.Bool("force")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	files := familyFiles{f.Name, filepath.Join(dir, f.Name+".key"), filepath.Join(dir, f.Name+".crt")}
	if _, err := os.Lstat(files.Certificate); err == nil && !force {
		return cli.WithHint(fmt.Errorf("%s exists already", files.Certificate), "--force replaces it")
	}
	if err := cli.CreateFile(c, files.Key, key, force); err != nil {
		return err
	}
	if err := cli.CreatePublic(c, files.Certificate, certificate, force); err != nil {
		return err
	}
	if c.Bool("json") {
		return cli.PrintJSON(files)
	}
	return errors.Join(cli.Printf("%s", files.Key), cli.Printf("%s", files.Certificate))
}

func familySignCommand() *cli.Command {
	return &cli.Command{
		Name:      "sign",
		Usage:     "sign that a router belongs to a family",
		ArgsUsage: "NAME ROUTER.INFO|ROUTER.KEYS|HASH|-",
		Description: "With --router, the router's private keys, a router.info is signed anew with the family's options in it,\n" +
			"and written to stdout or -o FILE. Without, the options are printed.",
		Flags: []cli.Flag{
			keyFlag("key", "the family's private key, a PEM `FILE`"),
			keyFlag("router", "the router's private key `FILE`"),
			cli.OutputFlag(), cli.ForceFlag(), cli.JSONFlag(),
		},
		Action: func(c *cli.Context) error {
			args := c.Args().Slice()
			f, err := loadFamily(c, args[0])
			if err != nil {
				return err
			}
			if c.String("router") != "" {
				return rewriteRouter(c, f, args[1])
			}
			hash, err := routerHash(c, args[1])
			if err != nil {
				return err
			}
			options, err := f.Options(hash)
			if err != nil {
				return err
			}
			if c.Bool("json") {
				return cli.PrintJSON(options)
			}
			for _, key := range []string{family.OptionName, family.OptionKey, family.OptionSig} {
				if err := cli.Printf("%s=%s", key, options[key]); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

func loadFamily(c *cli.Context, name string) (family.Family, error) {
	if err := family.CheckName(name); err != nil {
		return family.Family{}, cli.Usagef("%w", err)
	}
	path, err := need(c, "key")
	if err != nil {
		return family.Family{}, err
	}
	b, err := cli.ReadText(c, path, maxKeyFile)
	if err != nil {
		return family.Family{}, err
	}
	defer clear(b)
	key, err := family.ParseKey(b)
	if err != nil {
		return family.Family{}, cli.Dataf("%s: %w", cli.InputName(path), err)
	}
	return family.Family{Name: name, Key: key}, nil
}

func rewriteRouter(c *cli.Context, f family.Family, path string) error {
	keys, err := loadSigner(c, c.String("router"))
	if err != nil {
		return err
	}
	r, err := loadRouterInfo(c, path)
	if err != nil {
		return err
	}
	joined, err := f.Join(r, keys)
	if err != nil {
		return cli.Dataf("%s: %w", cli.InputName(path), err)
	}
	return cli.WriteOutput(c, joined.Bytes())
}

// maxRouterInfo bounds what is read as a router.info.
const maxRouterInfo = 64 << 10

func loadRouterInfo(c *cli.Context, path string) (*routerinfo.RouterInfo, error) {
	b, err := cli.ReadInput(c, path, maxRouterInfo)
	if err != nil {
		return nil, err
	}
	r, err := routerinfo.Parse(b)
	if err != nil {
		return nil, cli.Dataf("%s is no router.info: %w", cli.InputName(path), err)
	}
	if err := r.Verify(); err != nil {
		return nil, cli.Dataf("%s: %w", cli.InputName(path), err)
	}
	return r, nil
}

// routerHash reads a hash, or that of what a file holds: a router.info or an identity.
func routerHash(c *cli.Context, arg string) (i2p.Hash, error) {
	if hash, err := i2p.ParseHash(arg); err == nil {
		return hash, nil
	}
	b, err := cli.ReadInput(c, arg, maxRouterInfo)
	if err != nil {
		return i2p.Hash{}, err
	}
	defer clear(b)
	if r, err := routerinfo.Parse(b); err == nil {
		return r.Hash(), nil
	}
	_, id, err := parseKeys(b)
	if err != nil {
		return i2p.Hash{}, cli.Dataf("%s is neither a hash nor a router.info nor a router's keys", cli.InputName(arg))
	}
	return id.Hash(), nil
}

// familyVerdict is what family verify answers.
type familyVerdict struct {
	Router string `json:"router"`
	Family string `json:"family"`
	Key    string `json:"key,omitempty"`
	Valid  bool   `json:"valid"`
	Known  bool   `json:"known"` // the key is that of a certificate
}

func familyVerifyCommand() *cli.Command {
	return &cli.Command{
		Name:      "verify",
		Usage:     "verify that routers belong to the family that they declare",
		ArgsUsage: "ROUTER.INFO|-…",
		Description: "With a certificate, the routers must belong to its family; without, each router's own word for the\n" +
			"family's key is taken. The exit status is 1 if any does not verify.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "cert", Usage: "the family's certificate, a PEM `FILE`"},
			cli.JSONFlag(),
		},
		Action: func(c *cli.Context) error {
			args := c.Args().Slice()
			name, key, err := loadCertificate(c, c.String("cert"))
			if err != nil {
				return err
			}
			var failures cli.Failures
			for _, path := range args {
				r, err := loadRouterInfo(c, path)
				if err == nil {
					if err = printVerdict(c, r, name, key); err != nil {
						err = fmt.Errorf("%s: %w", cli.InputName(path), err)
					}
				}
				if err := failures.Note(c, err); err != nil {
					return err
				}
			}
			return failures.Err()
		},
	}
}

func loadCertificate(c *cli.Context, path string) (name string, key sign.PublicKey, err error) {
	if path == "" {
		return "", key, nil
	}
	b, err := cli.ReadText(c, path, maxRouterInfo)
	if err != nil {
		return "", key, err
	}
	if name, key, err = family.ParseCertificate(b); err != nil {
		return "", key, cli.Dataf("%s: %w", cli.InputName(path), err)
	}
	return name, key, nil
}

// printVerdict prints what a router's declaration is worth; the error says what is wrong
// with it.
func printVerdict(c *cli.Context, r *routerinfo.RouterInfo, name string, known sign.PublicKey) error {
	key, err := family.Verify(r, known)
	if err == nil && name != "" && r.Family() != name {
		err = fmt.Errorf("family %s, expected %s", r.Family(), name)
	}
	v := familyVerdict{Router: r.Hash().String(), Family: r.Family(), Valid: err == nil, Known: name != ""}
	if err == nil {
		v.Key = i2p.EncodeBase64(key.Bytes())
	}
	if c.Bool("json") {
		return errors.Join(err, cli.PrintJSON(v))
	}
	if err == nil {
		err = cli.Printf("%s belongs to %s", v.Router, v.Family)
	}
	return err
}
