// Command i2p-tunnel connects the standard streams, and programs, to I2P streams, and has the router
// run forwards and proxies.
package main

import "i2ptoolkit/pkg/cli"

func main() { cli.Main(program()) }

func program() cli.Program {
	return cli.Program{
		Manual: manual(),
		Name:   "i2p-tunnel",
		Usage:  "carry bytes through I2P",
		Description: "Both ends of a stream end their writing by themselves, as with a TCP connection. A stream that broke\n" +
			"off is a failure, never an end.",
		Commands: append([]*cli.Command{connectCommand(), listenCommand(), benchCommand()},
			append(verbs(), addCommand(), listCommand(), removeCommand(), reloadCommand(), importCommand())...),
	}
}
