// Command i2p-router runs an I2P router in the foreground, and speaks to one that runs.
package main

import "i2ptoolkit/pkg/cli"

func main() { cli.Main(program()) }

func program() cli.Program {
	return cli.Program{
		Manual: manual(),
		Name:   "i2p-router",
		Usage:  "run an I2P router, and look after one that runs",
		Description: "Without a verb it runs a router in the foreground, logging to stderr, until TERM or INT\n" +
			"stops it within 10 seconds; a second signal stops it at once, HUP makes it read its configuration again.\n" +
			"It is ready when it listens and its control socket answers. The other verbs speak to\n" +
			"that socket.",
		Default: "run",
		Commands: []*cli.Command{
			runCommand(), statusCommand(), doctorCommand(), stopCommand(), reloadCommand(), waitCommand(),
			peersCommand(), tunnelsCommand(), transportsCommand(), doorsCommand(), hashPasswordCommand(), metricsCommand(), eventsCommand(), reseedCommand(),
			logLevelCommand(), configCommand(), stateCommand(), devnetCommand(),
		},
	}
}
