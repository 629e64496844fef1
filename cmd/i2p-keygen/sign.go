package main

import (
	"fmt"

	"i2ptoolkit/pkg/cli"
	"i2ptoolkit/pkg/i2p"
)

func signCommand() *cli.Command {
	return &cli.Command{
		Name:      "sign",
		Usage:     "sign a file with a destination's or router's key",
		ArgsUsage: "[FILE|-]",
		Flags: []cli.Flag{
			keyFlag("key", "the private key `FILE`"),
			cli.OutputFlag(), cli.ForceFlag(),
		},
		Description: "The detached signature, in base64, goes to stdout or to -o FILE.",
		Action: func(c *cli.Context) error {
			path, message, err := keyAndMessage(c)
			if err != nil {
				return err
			}
			keys, err := loadSigner(c, path)
			if err != nil {
				return err
			}
			b, err := cli.ReadInput(c, message, maxText)
			if err != nil {
				return err
			}
			sig, err := keys.Sign(b)
			if err != nil {
				return err
			}
			return writeText(c, i2p.EncodeBase64(sig)+"\n")
		},
	}
}

func verifyCommand() *cli.Command {
	return &cli.Command{
		Name:        "verify",
		Usage:       "verify a file's detached signature",
		ArgsUsage:   "[FILE|-]",
		Description: "The exit status is 0 for a good signature and 1 for a bad one.",
		Flags: []cli.Flag{
			keyFlag("key", "a `FILE` with the destination, the router identity or its private keys"),
			&cli.StringFlag{Name: "signature", Aliases: []string{"s"}, Usage: "the signature's `FILE`, in base64 or binary"},
			cli.JSONFlag(),
		},
		Action: func(c *cli.Context) error {
			path, message, err := keyAndMessage(c)
			if err != nil {
				return err
			}
			sigPath, err := need(c, "signature")
			if err != nil {
				return err
			}
			_, id, err := loadKeys(c, path)
			if err != nil {
				return err
			}
			sig, err := readSignature(c, sigPath, id)
			if err != nil {
				return err
			}
			b, err := cli.ReadInput(c, message, maxText)
			if err != nil {
				return err
			}
			return answer(c, id, id.Verify(b, sig))
		},
	}
}

// keyAndMessage reads --key and the argument, which cannot both be stdin.
func keyAndMessage(c *cli.Context) (key, message string, err error) {
	args := c.Args().Slice()
	if key, err = need(c, "key"); err != nil {
		return "", "", err
	}
	if message, err = inputOf(c, args); err != nil {
		return "", "", err
	}
	if message == "-" && key == "-" {
		return "", "", cli.Usagef("%s: the key and the message cannot both come from stdin", c.Command.Name)
	}
	return key, message, nil
}

// readSignature reads a signature of the length that the key's have.
func readSignature(c *cli.Context, path string, id i2p.Identity) ([]byte, error) {
	b, err := cli.ReadInput(c, path, maxKeyFile)
	if err != nil {
		return nil, err
	}
	want := id.SigType().SignatureLen()
	if raw, err := decodeText(b); err == nil && len(raw) == want {
		return raw, nil
	}
	if len(b) == want {
		return b, nil
	}
	return nil, cli.Dataf("%s is no signature of type %v: expected %d bytes, or those in base64", cli.InputName(path), id.SigType(), want)
}

// verdict is what verify answers.
type verdict struct {
	Valid  bool   `json:"valid"`
	Signer string `json:"signer"`
	Type   string `json:"signature_type"`
}

func answer(c *cli.Context, id i2p.Identity, valid bool) error {
	v := verdict{valid, id.Hash().B32(), id.SigType().String()}
	var err error
	if c.Bool("json") {
		err = cli.PrintJSON(v)
	} else if valid {
		err = cli.Printf("good signature by %s (%s)", v.Signer, v.Type)
	}
	if err != nil {
		return err
	}
	if !valid {
		return fmt.Errorf("the signature is not one by %s", v.Signer)
	}
	return nil
}
