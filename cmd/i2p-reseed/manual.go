package main

import "i2ptoolkit/pkg/cli"

// manual is what the man page has beside the definitions of the commands.
func manual() cli.Manual {
	return cli.Manual{
		Examples: []cli.Example{
			{What: "See which servers work, and why the others do not:", Lines: []string{
				"i2p-reseed ping",
				"i2p-reseed diagnose",
			}},
			{What: "Get first routers for a new router, through Tor:", Lines: []string{"i2p-reseed fetch --proxy socks5://127.0.0.1:9050 -o netDb"}},
			{What: "Look into a bundle, verify it, and take its routers out:", Lines: []string{
				"i2p-reseed inspect --routers i2pseeds.su3",
				"i2p-reseed verify --certs certs i2pseeds.su3",
				"i2p-reseed extract --certs certs --routers netDb i2pseeds.su3",
			}},
			{What: "Give routers to a friend whom all servers are closed to:", Lines: []string{"i2p-reseed share | ssh friend i2p-reseed fetch -o netDb -"}},
			{What: "Make bundles, and serve them:", Lines: []string{
				"i2p-reseed keygen you@mail.example",
				"i2p-reseed build --netdb netDb -o out && i2p-reseed verify --certs certs out/*.su3",
				"i2p-reseed serve --tls-cert chain.pem --tls-key key.pem out",
			}},
		},
		Files: []cli.Entry{
			{Term: "$XDG_STATE_HOME/i2p/reseed", Text: "signers' keys and certificates, and the salt of the choice of bundles, unless --keys, --key or --salt names others"},
		},
	}
}
