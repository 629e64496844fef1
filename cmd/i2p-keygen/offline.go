package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"i2ptoolkit/pkg/cli"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/sign"
)

func offlineCommand() *cli.Command {
	return &cli.Command{
		Name:      "offline",
		Usage:     "make a key file with a transient signing key, for use while the key proper stays offline",
		ArgsUsage: "[FILE|-]",
		Description: "The new file has the same destination, but its signing key is replaced by a transient one that the key\n" +
			"proper allows until it expires. A router that uses the new file can be robbed of that one only.",
		Flags: []cli.Flag{
			signatureTypeFlag("signature `TYPE` of the transient key"),
			&cli.StringFlag{Name: "expires", Value: "365d", Usage: "`WHEN`: days (30d), a duration (12h), or a date (2027-01-31, RFC 3339)"},
			cli.OutputFlag(), cli.ForceFlag(), cli.JSONFlag(),
		},
		Action: func(c *cli.Context) error {
			t, err := sign.ParseType(c.String("type"))
			if err != nil {
				return cli.Usagef("offline: %w", err)
			}
			expires, err := parseExpiry(c.String("expires"), time.Now())
			if err != nil {
				return cli.Usagef("offline: %w", err)
			}
			args := c.Args().Slice()
			path, err := inputOf(c, args)
			if err != nil {
				return err
			}
			keys, err := loadSigner(c, path)
			if err != nil {
				return err
			}
			transient, err := sign.GenerateKey(t, rand.Reader)
			if err != nil {
				return err
			}
			offline, err := i2p.AllowTransient(keys, transient, expires)
			if err != nil {
				return err
			}
			return writeKeys(c, offline)
		},
	}
}

// parseExpiry reads a time in the future, in seconds since 1970.
func parseExpiry(s string, now time.Time) (uint32, error) {
	at, err := parseWhen(s, now)
	if err != nil {
		return 0, err
	}
	if !at.After(now) || at.Unix() > math.MaxUint32 {
		return 0, fmt.Errorf("--expires %s: %s is no time between now and 2106", s, at.UTC().Format(time.RFC3339))
	}
	return uint32(at.Unix()), nil
}

func parseWhen(s string, now time.Time) (time.Time, error) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		most := uint64(math.MaxUint32-now.Unix()) / (24 * 60 * 60)
		n, err := strconv.ParseUint(days, 10, 64)
		if err == nil && n > most || errors.Is(err, strconv.ErrRange) {
			return time.Time{}, fmt.Errorf("--expires %s: too many days, at most %d are left until 2106", s, most)
		}
		if err == nil {
			return now.AddDate(0, 0, int(n)), nil
		}
	}
	if d, err := time.ParseDuration(s); err == nil {
		return now.Add(d), nil
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("--expires %s: expected days (30d), a duration (12h) or a date (2027-01-31)", s)
}
