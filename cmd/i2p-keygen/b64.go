package main

import (
	"fmt"
	"strings"
	"unicode"

	"i2ptoolkit/pkg/cli"
	"i2ptoolkit/pkg/i2p"
)

// maxText bounds what b64, sign and verify read.
const maxText = 256 << 20

func b64Command() *cli.Command {
	return &cli.Command{
		Name:        "b64",
		Usage:       "encode in I2P's base64, or decode it",
		ArgsUsage:   "[FILE|-]",
		Description: "The alphabet has - and ~ where the usual one has + and /. Decoding passes over white space.",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "decode", Aliases: []string{"d"}, Usage: "decode"},
			cli.OutputFlag(), cli.ForceFlag(),
		},
		Action: func(c *cli.Context) error {
			args, err := cli.Positionals(c, 0, 1)
			if err != nil {
				return err
			}
			path, err := inputOf(c, args)
			if err != nil {
				return err
			}
			b, err := cli.ReadInput(path, maxText)
			if err != nil {
				return err
			}
			if !c.Bool("decode") {
				return writeText(c, i2p.EncodeBase64(b)+"\n")
			}
			raw, err := decodeText(b)
			if err != nil {
				return cli.Dataf("%s is no base64: %w", path, err)
			}
			return cli.WriteOutput(c, raw)
		},
	}
}

// decodeText reads base64 with white space anywhere.
func decodeText(b []byte) ([]byte, error) {
	text := strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, string(b))
	raw, err := i2p.DecodeBase64(text)
	if err != nil {
		return nil, fmt.Errorf("%s", strings.TrimPrefix(err.Error(), "i2p: "))
	}
	return raw, nil
}
