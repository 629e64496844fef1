package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"i2ptoolkit/pkg/cli"
	"i2ptoolkit/pkg/i2p"
)

// b33Info is where an encrypted lease set is found on a day.
type b33Info struct {
	B33        string `json:"b33"`
	Date       string `json:"date"`
	BlindedKey string `json:"blinded_key"`
	StoreHash  string `json:"store_hash"`
	Secret     bool   `json:"secret"`
	PerClient  bool   `json:"per_client"`
}

func b33Command() *cli.Command {
	return &cli.Command{
		Name:      "b33",
		Usage:     "show the address of an encrypted lease set, and where it is stored on a day",
		ArgsUsage: "[FILE|ADDRESS|-]",
		Description: "The input is a key file, a destination or a b33 address. Blinded key and store hash change at midnight,\n" +
			"UTC. With a secret, the address says that one is needed, and the day's key depends on it.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "date", Value: "today", Usage: "`DAY`: today, tomorrow or 2027-01-31"},
			&cli.StringFlag{Name: "secret", Usage: "the secret is the first line of `FILE`"},
			&cli.BoolFlag{Name: "per-client", Usage: "the address says that clients need keys of their own"},
			&cli.BoolFlag{Name: "address", Usage: "print the address alone"},
			cli.JSONFlag(),
		},
		Action: func(c *cli.Context) error {
			day, err := parseDay(c.String("date"), time.Now())
			if err != nil {
				return err
			}
			address, err := readBlinded(c)
			if err != nil {
				return err
			}
			secret, err := readSecret(c, c.String("secret"))
			if err != nil {
				return err
			}
			if address.Secret && secret == "" {
				return cli.WithHint(fmt.Errorf("the address needs a secret"), "name a file that holds it with --secret")
			}
			address.Secret = secret != ""
			address.PerClient = address.PerClient || c.Bool("per-client")
			info, err := describeBlinded(address, day, secret)
			if err != nil {
				return cli.Dataf("b33: %w", err)
			}
			switch {
			case c.Bool("json") && c.Bool("address"):
				return cli.Usagef("b33: --json and --address exclude each other")
			case c.Bool("json"):
				return cli.PrintJSON(info)
			case c.Bool("address"):
				return cli.Printf("%s", info.B33)
			}
			t := cli.NewTable(os.Stdout)
			t.Row("b33", info.B33)
			t.Row("date", info.Date)
			t.Row("blinded key", info.BlindedKey)
			t.Row("store hash", info.StoreHash)
			return t.Flush()
		},
	}
}

func describeBlinded(a i2p.BlindedAddress, day time.Time, secret string) (b33Info, error) {
	text, err := a.B33()
	if err != nil {
		return b33Info{}, err
	}
	key, err := a.BlindedKey(day, secret)
	if err != nil {
		return b33Info{}, err
	}
	return b33Info{
		B33: text, Date: day.Format(time.DateOnly), BlindedKey: i2p.EncodeBase64(key.Bytes()),
		StoreHash: i2p.BlindedStoreHash(key).String(), Secret: a.Secret, PerClient: a.PerClient,
	}, nil
}

// readBlinded reads an address from the argument itself, or what readKeys reads.
func readBlinded(c *cli.Context) (i2p.BlindedAddress, error) {
	switch n, err := i2p.ParseName(c.Args().First()); {
	case err == nil && n.Kind == i2p.NameBlinded:
		return n.Blinded, nil
	case err == nil && n.Kind == i2p.NameDestination:
		return n.Destination.Blinded(), nil
	case err == nil && n.Kind == i2p.NameAddress:
		return i2p.BlindedAddress{}, cli.Dataf("%v is no b33 address: it tells a hash and no key", n)
	case err != nil && strings.HasSuffix(strings.ToLower(c.Args().First()), ".b32.i2p"):
		return i2p.BlindedAddress{}, cli.BadData("", err)
	}
	_, id, err := readKeys(c)
	if err != nil {
		return i2p.BlindedAddress{}, err
	}
	return id.Blinded(), nil
}

func readSecret(c *cli.Context, path string) (string, error) {
	if path == "" {
		return "", nil
	}
	b, err := cli.ReadText(c, path, maxKeyFile)
	if err != nil {
		return "", err
	}
	line, _, _ := strings.Cut(string(b), "\n")
	if line = strings.TrimSuffix(line, "\r"); line == "" {
		return "", cli.Dataf("%s holds no secret", cli.InputName(path))
	}
	return line, nil
}

// parseDay reads a day (UTC).
func parseDay(s string, now time.Time) (time.Time, error) {
	switch s {
	case "today":
		return now.UTC(), nil
	case "tomorrow":
		return now.UTC().AddDate(0, 0, 1), nil
	}
	day, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return day, cli.Usagef("b33: --date %s: expected today, tomorrow or 2027-01-31", s)
	}
	return day, nil
}
