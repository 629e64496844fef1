// Command i2p-netdb looks into the network database: that on disk, and that of the network.
package main

import "i2ptoolkit/pkg/cli"

func main() { cli.Main(program()) }

func program() cli.Program {
	return cli.Program{
		Manual: manual(),
		Name:   "i2p-netdb",
		Usage:  "look into the network database",
		Description: "list, show, verify, diff, stats, closest and export read router.info files, netDb directories (Java's and\n" +
			"i2pd's layouts), zips and reseed bundles without a router; get asks the network through one.",
		Commands: []*cli.Command{
			listCommand(), showCommand(), verifyCommand(), diffCommand(), statsCommand(), closestCommand(), exportCommand(), getCommand(),
		},
	}
}
