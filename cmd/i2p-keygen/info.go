package main

import (
	"fmt"
	"os"
	"text/tabwriter"
	"time"

	"i2ptoolkit/pkg/cli"
	"i2ptoolkit/pkg/i2p"
)

// keyInfo is what info tells.
type keyInfo struct {
	Kind           string       `json:"kind"` // private or public
	Hash           string       `json:"hash"`
	B32            string       `json:"b32"`
	B33            string       `json:"b33,omitempty"`
	SignatureType  string       `json:"signature_type"`
	EncryptionType string       `json:"encryption_type"`
	JavaSends      bool         `json:"java_sends"` // Java I2P sends to it, as an address
	Bytes          int          `json:"bytes"`      // of the public part
	Offline        *offlineInfo `json:"offline,omitempty"`
}

// offlineInfo tells of a key file whose signing key is kept elsewhere.
type offlineInfo struct {
	Expires       time.Time `json:"expires"`
	TransientType string    `json:"transient_type"`
	Valid         bool      `json:"valid"` // the signature, whatever the date
}

func infoCommand() *cli.Command {
	return &cli.Command{
		Name:      "info",
		Usage:     "show a key file's or a destination's types and addresses",
		ArgsUsage: "[FILE|-]",
		Description: "Java I2P sends only to addresses of encryption type 0, whose key is unused. Routers have type 4, and so\n" +
			"do addresses that it does not reach: nothing else tells their keys apart, and a note says so; java_sends in the JSON tells it too.",
		Flags: []cli.Flag{cli.JSONFlag()},
		Action: func(c *cli.Context) error {
			keys, id, err := readKeys(c)
			if err != nil {
				return err
			}
			info := describe(id)
			if keys != nil {
				info = describeKeys(keys)
			}
			noteType(c, info.B32, id)
			if c.Bool("json") {
				return cli.PrintJSON(info)
			}
			return printInfo(info)
		},
	}
}

func pubCommand() *cli.Command {
	return &cli.Command{
		Name:      "pub",
		Usage:     "print a key file's destination in base64",
		ArgsUsage: "[FILE|-]",
		Action: func(c *cli.Context) error {
			_, id, err := readKeys(c)
			if err != nil {
				return err
			}
			return cli.Printf("%s", i2p.EncodeBase64(id.Bytes()))
		},
	}
}

// noteType tells whom an encryption type is for. Nothing in a file of keys says whether they are a
// router's or a destination's.
func noteType(c *cli.Context, what string, id i2p.Identity) {
	if !id.JavaSends() {
		cli.Notef(c, "%s: encryption type %d is right for a router; to an address with it Java I2P sends nothing", what, id.CryptoType())
	}
}

func describeKeys(keys *i2p.PrivateKeys) keyInfo {
	info := describe(keys.Identity)
	info.Kind = "private"
	if o := keys.Offline; o != nil {
		info.Offline = &offlineInfo{
			Expires:       time.Unix(int64(o.Expires), 0).UTC(),
			TransientType: o.Transient.Type().String(),
			Valid:         o.Verify(keys.Identity),
		}
	}
	return info
}

func describe(id i2p.Identity) keyInfo {
	b33, _ := id.Blinded().B33() // empty for types that cannot be blinded
	return keyInfo{
		Kind:           "public",
		Hash:           id.Hash().String(),
		B32:            id.Hash().B32(),
		B33:            b33,
		SignatureType:  id.SigType().String(),
		EncryptionType: id.CryptoType().String(),
		JavaSends:      id.JavaSends(),
		Bytes:          len(id.Bytes()),
	}
}

func printInfo(info keyInfo) error {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "b32\t%s\n", info.B32)
	if info.B33 != "" {
		fmt.Fprintf(w, "b33\t%s\n", info.B33)
	}
	encryption := info.EncryptionType
	if info.JavaSends {
		encryption += " (unused, as it should be)"
	}
	fmt.Fprintf(w, "hash\t%s\nsignature\t%s\nencryption\t%s\nkey\t%s\n", info.Hash, info.SignatureType, encryption, info.Kind)
	if o := info.Offline; o != nil {
		valid := map[bool]string{true: "valid", false: "INVALID"}[o.Valid]
		fmt.Fprintf(w, "offline\t%s key until %s, signature %s\n", o.TransientType, o.Expires.Format(time.RFC3339), valid)
	}
	return w.Flush()
}
