package cli

import "strings"

// Man is the program's man page, made from its definition.
func (p Program) Man() ([]byte, error) {
	app := p.App()
	app.Description = strings.TrimSpace(app.Description + "\n\n" + exitStatuses)
	app.Setup()
	describe(app.Commands)
	page, err := app.ToManWithSection(1)
	return []byte(page), err
}

// describe puts the verbs' descriptions where urfave/cli's pages show them.
func describe(commands []*Command) {
	for _, c := range commands {
		if c.Description != "" {
			c.Usage += "\n\n" + c.Description
		}
		describe(c.Subcommands)
	}
}

// exitStatuses is the part of the contract that every page repeats.
const exitStatuses = `Flags may stand before and after other arguments; -- ends them. The result goes to stdout, everything else to stderr.

Exit status: 0 done; 1 failed, or the answer is no; 2 usage; 3 bad input data; 4 no router at the control socket; 5 try again (timeout, no tunnels, peer unreachable); 130 interrupted.`
