// Command i2p-reseed gives new routers their first peers, and gets them: bundles of
// RouterInfos are built, signed, served, fetched and looked into.
package main

import "i2ptoolkit/pkg/cli"

func main() { cli.Main(program()) }

func program() cli.Program {
	return cli.Program{
		Manual: manual(),
		Name:   "i2p-reseed",
		Usage:  "build, serve, fetch and check reseed bundles",
		Description: "A bundle is an su3 file, signed, with a zip of RouterInfos in it. A signer's key and certificate are in a\n" +
			"directory, by default reseed in the router's data directory; keygen makes them. fetch, ping and diagnose\n" +
			"speak to the known servers, or to those that are named.",
		Commands: []*cli.Command{
			fetchCommand(), pingCommand(), diagnoseCommand(), shareCommand(),
			inspectCommand(), verifyCommand(), extractCommand(), signCommand(),
			keygenCommand(), rotateCommand(), buildCommand(), serveCommand(),
		},
	}
}
