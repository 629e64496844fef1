// Command i2p-keygen makes, shows and uses I2P keys.
package main

import "i2ptoolkit/pkg/cli"

func main() { cli.Main(program()) }

func program() cli.Program {
	return cli.Program{
		Manual: manual(),
		Name:   "i2p-keygen",
		Usage:  "make, show and use I2P keys",
		Description: "Key files have the format that Java I2P, i2pd and SAM share. They are created with mode 0600\n" +
			"and never replace a file unless --force is given.",
		Commands: []*cli.Command{
			destCommand(), routerCommand(), vanityCommand(),
			infoCommand(), pubCommand(), privCommand(), convertCommand(),
			offlineCommand(), x25519Command(), b33Command(),
			signCommand(), verifyCommand(), hostCommand(), familyCommand(), b64Command(),
		},
	}
}
