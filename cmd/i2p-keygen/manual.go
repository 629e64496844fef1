package main

import "i2ptoolkit/pkg/cli"

// manual is what the man page has beside the definitions of the commands.
func manual() cli.Manual {
	return cli.Manual{
		Examples: []cli.Example{
			{What: "Make an address that stays, and see what it is:", Lines: []string{
				"i2p-keygen dest -o key.dat",
				"i2p-keygen info key.dat",
			}},
			{What: "The same in one pipeline; what the shell opens itself has mode 0600 by the umask alone:", Lines: []string{
				"i2p-keygen dest -o key.dat --json | jq -r .b32",
				"(umask 077; i2p-keygen dest | tee key.dat | i2p-keygen info --json - | jq -r .b32)",
			}},
			{What: "An address that begins with one of the words, and ends as wanted:", Lines: []string{"i2p-keygen vanity cat dog --suffix 3a -o pet.dat"}},
			{What: "Keep the key proper offline, and let a router have one that expires:", Lines: []string{"i2p-keygen offline --expires 30d -o online.dat key.dat"}},
			{What: "What SAM takes, and what an address book has:", Lines: []string{
				"i2p-keygen priv key.dat",
				"i2p-keygen pub key.dat",
			}},
			{What: "Register a name, and see that the record is good:", Lines: []string{"i2p-keygen host register example.i2p -k key.dat | i2p-keygen host verify"}},
			{What: "Sign a file, and verify it:", Lines: []string{
				"i2p-keygen sign -k key.dat release.tar > release.tar.sig",
				"i2p-keygen verify -k key.dat -s release.tar.sig release.tar",
			}},
		},
		Files: []cli.Entry{
			{Term: "key.dat", Text: "a destination's private keys: its Destination, private key, signing key, and perhaps an offline section. Its mode is 0600. Who has it can take the address over, and without it the address is lost"},
			{Term: "router.keys", Text: "a router's keys, in the same format with a RouterIdentity"},
		},
	}
}
