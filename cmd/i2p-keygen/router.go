package main

import (
	"crypto/rand"

	"i2ptoolkit/pkg/cli"
	"i2ptoolkit/pkg/i2p"
)

func routerCommand() *cli.Command {
	return &cli.Command{
		Name:        "router",
		Usage:       "make a router identity's private key file",
		Description: "The file goes to stdout, or to -o FILE; then its address is printed. As router.keys in a data\ndirectory it makes the router that i2p-router runs there.",
		Flags:       []cli.Flag{cli.OutputFlag(), cli.ForceFlag(), cli.JSONFlag()},
		Action: func(c *cli.Context) error {
			keys, err := i2p.GenerateRouter(rand.Reader)
			if err != nil {
				return err
			}
			return writeKeys(c, keys)
		},
	}
}
