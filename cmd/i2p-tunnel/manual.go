package main

import "i2ptoolkit/pkg/cli"

// manual is what the man page has beside the definitions of the commands.
func manual() cli.Manual {
	return cli.Manual{
		Examples: []cli.Example{
			{What: "Make a key, which is an address that stays, and receive a directory at it:", Lines: []string{
				"i2p-keygen dest -o key.dat",
				"i2p-tunnel listen -k key.dat | tar x",
			}},
			{What: "Send it there; B32 is what the first command printed:", Lines: []string{
				`tar c dir | i2p-tunnel connect "$B32"`,
			}},
			{What: "Reach an ssh server, and be one:", Lines: []string{
				"ssh -o ProxyCommand='i2p-tunnel connect %h %p' user@example.b32.i2p",
				"i2p-tunnel listen -k key.dat --keep --port 22 -e 'nc 127.0.0.1 22'",
			}},
			{What: "Serve a git repository:", Lines: []string{
				"i2p-tunnel listen -k key.dat --keep -e 'git upload-pack /srv/repo.git'",
			}},
			{What: "Try all that without the Internet, between two routers of a private network:", Lines: []string{
				"i2p-router devnet --dir /tmp/net &",
				"i2p-tunnel listen --socket /tmp/net/0/router.sock",
				`echo hello | i2p-tunnel connect --socket /tmp/net/1/router.sock "$B32"`,
			}},
		},
		Environment: []cli.Entry{
			{Term: "I2P_PEER", Text: "is set for the command of listen -e: the b32 address of the stream's other end"},
		},
		Files: []cli.Entry{
			{Term: "key.dat", Text: "a destination's private keys, in the format that Java I2P, i2pd and SAM share; i2p-keygen dest makes it. Who has it can take the address over"},
		},
		SeeAlso: []string{"nc(1)", "ssh(1)"},
	}
}
