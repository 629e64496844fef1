package main

import (
	"cmp"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"

	"i2ptoolkit/pkg/cli"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/options"
	"i2ptoolkit/pkg/sign"
)

func destCommand() *cli.Command {
	return &cli.Command{
		Name:  "dest",
		Usage: "make a destination's private key file",
		Description: "The file goes to stdout, or to -o FILE; then the address is printed. The certificate of an address names\n" +
			"an encryption type whose key nobody uses: lease sets name another, derived from the file. Type 0, elgamal,\n" +
			"is right for all, and Java I2P sends to no address of another; -e x25519 makes such an address nevertheless.\n" +
			"A list or the name of a hybrid, as in -e mlkem768,x25519, leaves the certificate at 0: these types are for\n" +
			"lease sets, and are said when the file is opened, with i2cp.leaseSetEncType. So is 0 alone, of which the file\n" +
			"has all that it takes, for a destination that old programs are to reach.",
		Flags: []cli.Flag{
			signatureTypeFlag("signature `TYPE`: ed25519, red25519, p256, p384, p521, or a number"),
			cli.CommaList(cli.StringFlag{Name: "encryption", Aliases: []string{"e"}, Value: "elgamal", Usage: "encryption `TYPE` of the certificate, elgamal or x25519, or those of lease sets, separated by commas: mlkem512, mlkem768, mlkem1024, x25519"},
				checkEncryption, "elgamal", "x25519", "mlkem512", "mlkem768", "mlkem1024"),
			&cli.StringFlag{Name: "signing-key", Usage: "use the Ed25519 or ECDSA private key in the PEM `FILE`"},
			cli.OutputFlag(), cli.ForceFlag(), cli.JSONFlag(),
		},
		Action: func(c *cli.Context) error {
			signing, err := sign.ParseType(c.String("type"))
			if err != nil {
				return cli.Usagef("dest: %w", err)
			}
			types, crypto := encryptionTypes(c.String("encryption"))
			if numbers := strings.Split(types, ","); len(slices.Compact(slices.Sorted(slices.Values(numbers)))) < len(numbers) {
				return cli.Usagef("-e %q names a type twice", c.String("encryption"))
			}
			keys, err := newDestination(c, signing, crypto)
			if err != nil {
				return err
			}
			if err := writeKeys(c, keys); err != nil {
				return err
			}
			cli.NoteJava(c, cmp.Or(c.String("output"), "stdout"), keys.Identity)
			if types != "0" {
				o, problems := options.Parse(options.Default(), map[string]string{"i2cp.leaseSetEncType": types})
				if !o.Equal(options.Default()) || len(problems) > 0 {
					cli.Notef(c, "hint: open it with -O i2cp.leaseSetEncType=%s", types)
				}
				if len(problems) > 0 {
					cli.Warnf(c, "this toolkit's router refuses that: %s", problems[0].Text)
				}
			}
			return nil
		},
	}
}

// signatureTypeFlag names the type of a signing key that is made.
func signatureTypeFlag(usage string) cli.Flag {
	return cli.Checked(cli.StringFlag{Name: "type", Aliases: []string{"t"}, Value: "ed25519", Usage: usage}, func(name string) error {
		t, err := sign.ParseType(name)
		if err != nil {
			return fmt.Errorf("%q is no signature type: expected ed25519, red25519, p256, p384 or p521", name)
		}
		if !t.CanSign() {
			return fmt.Errorf("%s keys are only read, not made", t)
		}
		return nil
	}, "ed25519", "red25519", "p256", "p384", "p521")
}

// newDestination draws a destination's keys; the signing key may be given.
func newDestination(c *cli.Context, signing sign.Type, crypto i2p.EncryptionType) (*i2p.PrivateKeys, error) {
	path := c.String("signing-key")
	if path == "" {
		return i2p.GenerateDestination(signing, crypto, rand.Reader)
	}
	b, err := cli.ReadText(c, path, maxKeyFile)
	if err != nil {
		return nil, err
	}
	defer clear(b)
	key, err := parsePEM(b)
	if err != nil {
		return nil, cli.Dataf("%s: %w", cli.InputName(path), err)
	}
	if c.IsSet("type") && key.Type() != signing {
		return nil, cli.Dataf("%s is an %v key, not %v", cli.InputName(path), key.Type(), signing)
	}
	keys, err := i2p.GenerateDestination(key.Type(), crypto, rand.Reader)
	if err != nil {
		return nil, err
	}
	encryption := keys.Identity.CryptoKey()
	if crypto == i2p.CryptoElGamal {
		encryption = nil
	}
	d, err := i2p.NewDestination(key.Public(), crypto, encryption, rand.Reader)
	if err != nil {
		return nil, err
	}
	keys.Identity, keys.Signing = d.Identity, key
	return keys, nil
}

// encryptionNumber is an encryption type's number (common structures, key certificates).
func encryptionNumber(name string) string {
	return map[string]string{
		"elgamal": "0", "0": "0", "x25519": "4", "ecies-x25519": "4", "4": "4",
		"mlkem512": "5", "5": "5", "mlkem768": "6", "6": "6", "mlkem1024": "7", "7": "7",
	}[strings.ToLower(strings.TrimSpace(name))]
}

func checkEncryption(name string) error {
	if encryptionNumber(name) == "" {
		return fmt.Errorf("%q is no encryption type: expected elgamal, x25519, mlkem512, mlkem768 or mlkem1024", name)
	}
	return nil
}

// encryptionTypes reads -e: the types' numbers as i2cp.leaseSetEncType has them, and the one
// that the certificate names. The ML-KEM hybrids are for lease sets only.
func encryptionTypes(text string) (numbers string, crypto i2p.EncryptionType) {
	var list []string
	for name := range strings.SplitSeq(text, ",") {
		list = append(list, encryptionNumber(name))
	}
	crypto = i2p.CryptoElGamal
	if len(list) == 1 && list[0] == "4" {
		crypto = i2p.CryptoX25519
	}
	return strings.Join(list, ","), crypto
}

// writeKeys writes the key file, and says what was made where the file does not go to
// stdout itself.
func writeKeys(c *cli.Context, keys *i2p.PrivateKeys) error {
	toStdout := c.String("output") == "" || c.String("output") == "-"
	if toStdout && c.Bool("json") {
		return cli.Usagef("--json describes what -o FILE wrote: name a file")
	}
	data := keys.AppendTo(nil)
	defer clear(data)
	noteReadable(c)
	if err := cli.WriteOutput(c, data); err != nil || toStdout {
		return err
	}
	info := describeKeys(keys)
	if c.Bool("json") {
		return cli.PrintJSON(info)
	}
	name := info.B32
	if name == "" {
		name = info.Hash
	}
	return cli.Printf("%s", name)
}
