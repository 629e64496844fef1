package main

import "i2ptoolkit/pkg/cli"

// manual is what the man page has beside the definitions of the commands.
func manual() cli.Manual {
	return cli.Manual{
		Examples: []cli.Example{
			{What: "The versions of the floodfills in a netDb directory:", Lines: []string{"i2p-netdb list --caps f --json netDb | jq -r .version | sort | uniq -c"}},
			{What: "Routers of the last hour, of a version or newer, in a network:", Lines: []string{"i2p-netdb list --age 1h --version 0.9.65+ --cidr 203.0.113.0/24 netDb"}},
			{What: "Ask the network for those of them that the running router knows:", Lines: []string{"i2p-netdb list -0 --cidr 203.0.113.0/24 | xargs -0 -n1 i2p-netdb get --kind router"}},
			{What: "Keep a snapshot each day, and see which routers are new in it:", Lines: []string{
				"i2p-netdb export -o tuesday.zip",
				`i2p-netdb diff monday.zip tuesday.zip --json | jq -r 'select(.op=="new").hash'`}},
			{What: "Follow the network for a day, with a snapshot of every change; then look at who was there when:", Lines: []string{
				"i2p-netdb watch --json --snapshots snapshots >changes.ndjson", "i2p-netdb stats snapshots/netdb-20261126T120000Z.zip"}},
			{What: "Rid a directory of what is damaged or older than a day:", Lines: []string{"i2p-netdb prune --damaged --age 24h netDb"}},
			{What: "Who keeps the lease set of an address on a day:", Lines: []string{`i2p-netdb closest "$B32" --date 2026-12-31 netDb`}},
			{What: "Which files of a netDb are damaged, and what is in the others:", Lines: []string{"i2p-netdb verify netDb", "i2p-netdb stats netDb"}},
			{What: "Everything in an entry:", Lines: []string{"i2p-netdb show netDb/r0/routerInfo-*.dat", `i2p-netdb get "$B32"`}},
			{What: "Whom the router asks for an entry, and what they answer:", Lines: []string{`i2p-netdb get --trace "$B32"`}},
			{What: "Have the router get to know more of the network:", Lines: []string{"i2p-netdb explore -n 16"}},
			{What: "Store an entry again that somebody has kept, and see who takes it:", Lines: []string{`i2p-netdb get -o leaseset.dat "$B32" && i2p-netdb store leaseset.dat`}},
			{What: "An entry's exact bytes:", Lines: []string{`i2p-netdb get -o leaseset.dat "$B32"`}},
		},
		Files: []cli.Entry{
			{Term: "netDb/rX/routerInfo-HASH.dat", Text: "a RouterInfo in a netDb directory, with the first letter of its hash for X; Java I2P, i2pd and this toolkit keep them so"},
			{Term: "netDb/tX, netDb/sX", Text: "the same in the directory of i2p-router, for routers that it was only told of, and for those that it knows only because it asked"},
		},
		Sections: []cli.ManualSection{{
			Title: "TRACES",
			Text: "get --trace prints a line for each question that the router sent: when, counted from the first; the floodfill's hash; how many leading bits it shares with " +
				"the key of the day; how long the answer took; and the answer. A floodfill that does not have the entry names others, some of which the router may not have known. One that " +
				"says nothing for two seconds is waited for no longer, and asked again where nobody else is left. An entry does not say who sends it: where several had not answered when it came, each of them perhaps gave it. The router asks for itself, through its own " +
				"tunnels, as get does without --trace; local destinations ask in other ways, and may fare otherwise. With --json the answers are gave, perhaps, named, none, pending (the lookup ended before the two seconds) and unsent.",
		}},
	}
}
