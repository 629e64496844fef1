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
			{What: "What a name is here, and what names a destination has:", Lines: []string{"i2p-lookup --json example.i2p", `i2p-lookup --reverse "$B32"`}},
			{What: "Who takes mail for a name, and at which port:", Lines: []string{"i2p-lookup _smtp._tcp.example.i2p"}},
			{What: "Why an address is not found, and who was asked for it:", Lines: []string{`i2p-lookup --trace "$B32"`}},
			{What: "How long a round trip to a destination takes, ten times:", Lines: []string{"i2p-lookup --ping -c 10 example.i2p"}},
			{What: "Give a name a destination, and follow a list of names:", Lines: []string{
				`i2p-lookup book add example.i2p "$B32"`,
				"i2p-lookup book subscribe http://i2p-projekt.i2p/hosts.txt",
				"i2p-lookup book update",
			}},
			{What: "Names of another router, by its hosts.txt:", Lines: []string{"i2p-lookup book import ~/.i2p/hosts.txt"}},
		},
		Files: []cli.Entry{
			{Term: "addressbook/private.txt, addressbook/local.txt, addressbook/subscribed.txt", Text: "in the router's directory: the address books, name=destination on each line. They may be edited, " +
				"and hold as soon as they are saved. Where the router's state is encrypted, the first two are as well."},
			{Term: "addressbook/subscriptions.txt", Text: "the URLs of feeds, one on each line, in the order of trust."},
		},
		Sections: []cli.ManualSection{{
			Title: "NAMES",
			Text: "A name never comes to mean another destination by itself. Of lines that feeds and files have, the first that has a name gives it; after that " +
				"only a command that the old destination has signed changes it, with a date that is later than that of the command before, or its owner with --replace. " +
				"Names are ASCII: those of other scripts are written, and shown, in the form xn--. Names below proxy.i2p, router.i2p, console.i2p and b32.i2p are reserved.",
		}, {
			Title: "TRACES",
			Text: "--trace asks the network for the lease set of a name, or for the router whose hash it is, also where the router knows it already, and shows which floodfills it asked, how many leading bits of their hashes are those of the key of " +
				"the day, and what they answered; then why the entry was not found, or where it came from. i2p-netdb(1) tells more of that.",
		}},
	}
}
