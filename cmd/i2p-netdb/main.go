// Command i2p-netdb looks into the network database: that on disk, and that of the network.
package main

import "i2ptoolkit/pkg/cli"

func main() { cli.Main(program()) }

func program() cli.Program {
	return cli.Program{
		Manual: manual(),
		Name:   "i2p-netdb",
		Usage:  "look into the network database",
		Description: "All but get, store and explore need no router: they read router.info files, netDb directories (Java's and i2pd's layouts), zips\n" +
			"and reseed bundles, and import and prune write a directory. get and explore ask the network\nthrough the running router, and store has it keep what is in a file.",
		Commands: []*cli.Command{
			listCommand(), showCommand(), verifyCommand(), diffCommand(), statsCommand(), closestCommand(), exportCommand(),
			importCommand(), pruneCommand(), watchCommand(), getCommand(), storeCommand(), exploreCommand(),
		},
	}
}
