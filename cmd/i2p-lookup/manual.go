package main

import "i2ptoolkit/pkg/cli"

// manual is what the man page has beside the definition of the program.
func manual() cli.Manual {
	return cli.Manual{
		Examples: []cli.Example{
			{What: "The destination behind an address:", Lines: []string{`i2p-lookup "$B32"`}},
			{What: "Where it can be reached now, and with which encryption:", Lines: []string{`i2p-lookup --leaseset "$B32"`}},
			{What: "The address of a destination in base64, which needs no router:", Lines: []string{"i2p-keygen pub key.dat | i2p-lookup --b32 -"}},
			{What: "Many names, one line each, in order; then those that were found:", Lines: []string{
				"i2p-lookup - < names.txt",
				"i2p-lookup --json - < names.txt | jq -r 'select(.found) | .b32'",
			}},
		},
	}
}
