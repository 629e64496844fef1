package main

import (
	"strconv"
	"strings"
	"time"

	"i2ptoolkit/pkg/cli"
	"i2ptoolkit/pkg/hostrecord"
	"i2ptoolkit/pkg/i2p"
)

func hostCommand() *cli.Command {
	return &cli.Command{
		Name:  "host",
		Usage: "make and verify address-book records",
		Description: "Registration services take these lines. -k is always the destination that the name will have, --old-key\n" +
			"the one that allows it. Where the two are not in one hand, a record is made without --old-key and goes to the\n" +
			"other side for host sign --old-key, and back for host sign -k.",
		Subcommands: []*cli.Command{
			hostRegisterCommand(), hostSubdomainCommand(), hostAliasCommand(), hostChangeCommand(),
			hostRemoveCommand(), hostSignCommand(), hostVerifyCommand(),
		},
	}
}

// dateFlag dates a record.
func dateFlag() cli.Flag {
	return &cli.BoolFlag{Name: "dated", Usage: "put the time into the record"}
}

func hostRegisterCommand() *cli.Command {
	return &cli.Command{
		Name: "register", Usage: "register a name", ArgsUsage: "NAME",
		Flags: []cli.Flag{keyFlag("key", "the destination's private key `FILE`"), dateFlag()},
		Action: func(c *cli.Context) error {
			return makeRecord(c, func(r hostrecord.Record) (hostrecord.Record, error) { return r, nil })
		},
	}
}

func hostSubdomainCommand() *cli.Command {
	return &cli.Command{
		Name: "subdomain", Usage: "register a name below another", ArgsUsage: "NAME",
		Flags: []cli.Flag{
			keyFlag("key", "the subdomain's private key `FILE`"),
			keyFlag("old-key", "the private key `FILE` of the name above"),
			dateFlag(),
		},
		Action: func(c *cli.Context) error {
			return makeRecord(c, func(r hostrecord.Record) (hostrecord.Record, error) {
				_, above, ok := strings.Cut(r.Host, ".")
				if !ok || i2p.CheckHost(above) != nil {
					return r, cli.Usagef("subdomain: %s is below no other name", r.Host)
				}
				return r.With("action", hostrecord.ActionAddSubdomain).With("oldname", above), nil
			})
		},
	}
}

func hostAliasCommand() *cli.Command {
	return &cli.Command{
		Name: "alias", Usage: "give a destination another name, or a name another destination", ArgsUsage: "NAME",
		Description: "With --of NAME, the destination gets a further name. With --old-key, the name gets the destination of -k\n" +
			"beside the one it has, as when changing to newer cryptography.",
		Flags: []cli.Flag{
			keyFlag("key", "the destination's private key `FILE`"),
			keyFlag("old-key", "the private key `FILE` of the destination that the name has"),
			&cli.StringFlag{Name: "of", Usage: "the `NAME` that the destination has"},
			dateFlag(),
		},
		Action: func(c *cli.Context) error {
			old, byName := c.String("old-key") != "", c.String("of") != ""
			if old == byName {
				return cli.Usagef("alias: expected either --of or --old-key")
			}
			return makeRecord(c, func(r hostrecord.Record) (hostrecord.Record, error) {
				if old {
					return r.With("action", hostrecord.ActionAddDest), nil
				}
				return r.With("action", hostrecord.ActionAddName).With("oldname", c.String("of")), nil
			})
		},
	}
}

func hostChangeCommand() *cli.Command {
	return &cli.Command{
		Name: "change", Usage: "change a name's destination, or a destination's name", ArgsUsage: "NAME",
		Description: "With --old-key, NAME gets the destination of -k instead of the one it has. With --from, the destination\n" +
			"is called NAME from now on.",
		Flags: []cli.Flag{
			keyFlag("key", "the destination's private key `FILE`"),
			keyFlag("old-key", "the private key `FILE` of the destination that the name has"),
			&cli.StringFlag{Name: "from", Usage: "the `NAME` that the destination has"},
			dateFlag(),
		},
		Action: func(c *cli.Context) error {
			old, byName := c.String("old-key") != "", c.String("from") != ""
			if old == byName {
				return cli.Usagef("change: expected either --from or --old-key")
			}
			return makeRecord(c, func(r hostrecord.Record) (hostrecord.Record, error) {
				if old {
					return r.With("action", hostrecord.ActionChangeDest), nil
				}
				return r.With("action", hostrecord.ActionChangeName).With("oldname", c.String("from")), nil
			})
		},
	}
}

func hostRemoveCommand() *cli.Command {
	return &cli.Command{
		Name: "remove", Usage: "give a name up", ArgsUsage: "NAME",
		Flags: []cli.Flag{
			keyFlag("key", "the destination's private key `FILE`"),
			&cli.BoolFlag{Name: "all", Usage: "give up all names of the destination"},
			dateFlag(),
		},
		Action: func(c *cli.Context) error {
			return makeRecord(c, func(r hostrecord.Record) (hostrecord.Record, error) {
				action := hostrecord.ActionRemove
				if c.Bool("all") {
					action = hostrecord.ActionRemoveAll
				}
				return hostrecord.Record{}.With("action", action).With("name", r.Host).With("dest", r.Destination), nil
			})
		},
	}
}

// hostName reads a host name in any of its spellings.
func hostName(text string) (string, error) {
	n, err := i2p.ParseName(text)
	switch {
	case err != nil:
		return "", cli.Usagef("%w", err)
	case n.Kind != i2p.NameHost || n.Port != 0:
		return "", cli.Usagef("%s is no host name", text)
	}
	return n.Host, nil
}

// makeRecord begins with the name that the argument gives the destination of -k, has
// command make a record of it, signs that as far as the keys are there, and prints it.
func makeRecord(c *cli.Context, command func(hostrecord.Record) (hostrecord.Record, error)) error {
	name, err := hostName(c.Args().First())
	if err != nil {
		return err
	}
	for _, flag := range []string{"of", "from"} {
		if text := c.String(flag); text != "" {
			if text, err = hostName(text); err == nil {
				err = c.Set(flag, text)
			}
			if err != nil {
				return err
			}
		}
	}
	path, err := need(c, "key")
	if err != nil {
		return err
	}
	keys, err := loadSigner(c, path)
	if err != nil {
		return err
	}
	r, err := command(hostrecord.Record{Host: name, Destination: keys.Destination().Base64()})
	if err != nil {
		return err
	}
	if c.Bool("dated") {
		r = r.With("date", strconv.FormatInt(time.Now().Unix(), 10))
	}
	if r.Action() == hostrecord.ActionAddSubdomain && c.String("old-key") == "" {
		return printRecord(c, r, "unsigned: the owner of %s signs it with host sign --old-key, then you with host sign -k", r.Get("oldname"))
	}
	if r, err = signOld(c, r); err != nil {
		return err
	}
	return signOuter(c, r, keys)
}

// signOld adds the old destination and its signature, where --old-key is given.
func signOld(c *cli.Context, r hostrecord.Record) (hostrecord.Record, error) {
	path := c.String("old-key")
	if path == "" {
		return r, nil
	}
	old, err := loadSigner(c, path)
	if err != nil {
		return r, err
	}
	return r.With("olddest", old.Destination().Base64()).SignOld(old.Signing)
}

func signOuter(c *cli.Context, r hostrecord.Record, keys *i2p.PrivateKeys) error {
	owner, err := r.Owner()
	if err != nil {
		return cli.Dataf("the record names no destination: %w", err)
	}
	if !owner.Equal(keys.Identity) {
		return cli.Dataf("the key is not that of the record's destination")
	}
	if r, err = r.Sign(keys.Signing); err != nil {
		return err
	}
	if err := r.Verify(); err != nil {
		return cli.Dataf("%s", strings.TrimPrefix(err.Error(), "hostrecord: "))
	}
	return printRecord(c, r, "")
}
