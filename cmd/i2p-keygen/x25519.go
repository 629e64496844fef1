package main

import (
	"crypto/ecdh"
	"crypto/rand"
	"fmt"
	"io"

	"i2ptoolkit/pkg/cli"
	"i2ptoolkit/pkg/i2p"
)

// clientKeys authorise one client to open an encrypted lease set.
type clientKeys struct {
	Public  string `json:"public,omitempty"` // what the server is told; not with PSK
	Private string `json:"private"`          // what the client uses, and with PSK both
	Server  string `json:"server,omitempty"` // the lines of their configurations
	Client  string `json:"client,omitempty"`
}

func x25519Command() *cli.Command {
	return &cli.Command{
		Name:  "x25519",
		Usage: "make keys that let one client open an encrypted lease set",
		Description: "The server of an encrypted lease set is told the public key of each client (i2cp.leaseSetAuthType=1),\n" +
			"or with --psk the key itself (i2cp.leaseSetAuthType=2); the client uses its key as i2cp.leaseSetPrivKey.\n" +
			"With --name the lines of both configurations are printed.",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "psk", Usage: "make one pre-shared key instead of a pair"},
			&cli.StringFlag{Name: "of", Usage: "do not make a key, but take the private one in `FILE` (base64)"},
			&cli.StringFlag{Name: "name", Aliases: []string{"n"}, Usage: "print configuration lines for the client with this `NAME`"},
			cli.Int(0, 1<<16, cli.IntFlag{Name: "index", Usage: "the client's `NUMBER` among those of the server"}),
			cli.OutputFlag(), cli.ForceFlag(), cli.JSONFlag(),
		},
		Action: func(c *cli.Context) error {
			private, err := clientKey(c, c.String("of"))
			if err != nil {
				return err
			}
			keys := clientKeys{Private: i2p.EncodeBase64(private.Bytes())}
			kind, told := "psk", keys.Private
			if !c.Bool("psk") {
				keys.Public = i2p.EncodeBase64(private.PublicKey().Bytes())
				kind, told = "dh", keys.Public
			}
			if name := c.String("name"); name != "" {
				keys.Server = fmt.Sprintf("i2cp.leaseSetClient.%s.%d=%s:%s", kind, c.Int("index"), i2p.EncodeBase64([]byte(name)), told)
				keys.Client = "i2cp.leaseSetPrivKey=" + keys.Private
			}
			return printClientKeys(c, keys)
		},
	}
}

func clientKey(c *cli.Context, path string) (*ecdh.PrivateKey, error) {
	var b [32]byte
	defer clear(b[:])
	if path == "" {
		if _, err := io.ReadFull(rand.Reader, b[:]); err != nil {
			return nil, err
		}
		return ecdh.X25519().NewPrivateKey(b[:])
	}
	text, err := cli.ReadText(c, path, maxKeyFile)
	if err != nil {
		return nil, err
	}
	defer clear(text)
	raw, err := decodeText(text)
	if err != nil {
		return nil, cli.Dataf("%s is no key in base64", cli.InputName(path))
	}
	if len(raw) != len(b) {
		return nil, cli.Dataf("%s: key of %d bytes, expected %d", cli.InputName(path), len(raw), len(b))
	}
	return ecdh.X25519().NewPrivateKey(raw)
}

func printClientKeys(c *cli.Context, keys clientKeys) error {
	if c.Bool("json") {
		return writeJSON(c, keys)
	}
	text := ""
	if keys.Public != "" {
		text = "public   " + keys.Public + "\n"
	}
	text += "private  " + keys.Private + "\n"
	if keys.Server != "" {
		text += "server   " + keys.Server + "\nclient   " + keys.Client + "\n"
	}
	return writeSecret(c, text)
}
