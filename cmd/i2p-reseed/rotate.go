package main

import (
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"i2ptoolkit/pkg/cli"
	"i2ptoolkit/pkg/reseed"
)

const day = 24 * time.Hour

func rotateCommand() *cli.Command {
	return &cli.Command{
		Name:      "rotate",
		Usage:     "make the key that takes over from the one that signs now",
		ArgsUsage: "[SIGNER]",
		Description: "The new key begins to sign after --lead, by itself: until then its certificate has time to reach those\n" +
			"who shall trust it. The old certificate holds to its own end, and what it signed with it. Routers keep one\n" +
			"certificate for a signer: with a new SIGNER they can hold both. --list shows all keys and makes none.",
		Flags: []cli.Flag{
			keysFlag(), cli.DirFlag(),
			cli.Duration(0, 10*cli.Forever, cli.DurationFlag{Name: "lead", Value: 30 * day, Usage: "`DURATION` until the new key signs"}),
			&cli.BoolFlag{Name: "list", Usage: "list the keys, and which of them signs"},
			cli.JSONFlag(),
		},
		Action: func(c *cli.Context) error {
			args := c.Args().Slice()
			dir, err := keysDir(c)
			if err != nil {
				return err
			}
			now := time.Now()
			if c.Bool("list") {
				return listKeys(c, dir, now)
			}
			id := ""
			if len(args) > 0 {
				id = args[0]
			}
			return rotate(c, dir, id, now)
		},
	}
}

func rotate(c *cli.Context, dir, id string, now time.Time) error {
	lead := c.Duration("lead")
	all, err := generations(c, dir)
	if err != nil {
		return err
	}
	old, err := signing(all, "", now)
	if err != nil {
		return cli.WithHint(fmt.Errorf("%s: %w", dir, err), "i2p-reseed keygen SIGNER makes the first one")
	}
	if id == "" {
		id = old.ID
	}
	if err := checkSigner(id); err != nil {
		return err
	}
	for _, g := range all {
		if g.Begins.After(now) {
			return cli.WithHint(fmt.Errorf("%s takes over already, on %s", g.Certificate, g.Begins.Format(time.DateOnly)), "remove it, with its key, to make another")
		}
	}
	begins := now.Add(lead)
	if begins.After(old.Ends) {
		cli.Warnf(c, "%s ends on %s, before the new key begins: there is a gap", old.Certificate, old.Ends.Format(time.DateOnly))
	}
	base, err := freeName(dir, id, begins)
	if err != nil {
		return err
	}
	key, certificate, err := reseed.NewSigner(id, defaultBits, begins, rand.Reader)
	if err != nil {
		return err
	}
	if err := writePair(c, pairFiles(dir, base, keySuffix), id, key, certificate); err != nil {
		return err
	}
	cli.Notef(c, "%s signs from %s on; give its certificate to those who shall trust it", id, begins.UTC().Format(time.DateOnly))
	if id == old.ID {
		cli.Notef(c, "they know it as %s", signerFile(id)+certificateSuffix)
	}
	return nil
}

// freeName is the file of a signer's key, with the day from which it signs where there is one already.
func freeName(dir, id string, begins time.Time) (string, error) {
	base := signerFile(id)
	for _, name := range []string{base, base + "-" + begins.UTC().Format(time.DateOnly), base + "-" + begins.UTC().Format("2006-01-02T150405")} {
		_, keyErr := os.Lstat(filepath.Join(dir, name+keySuffix))
		_, certificateErr := os.Lstat(filepath.Join(dir, name+certificateSuffix))
		if os.IsNotExist(keyErr) && os.IsNotExist(certificateErr) {
			return name, nil
		}
	}
	return "", fmt.Errorf("%s has a key of %s that begins at the same time", dir, id)
}

// keyState is one line of rotate --list.
type keyState struct {
	pair
	State string `json:"state"` // signs, next, held, expired
}

func listKeys(c *cli.Context, dir string, now time.Time) error {
	all, err := generations(c, dir)
	if err != nil {
		return err
	}
	current, _ := signing(all, "", now)
	var states []keyState
	for _, g := range all {
		state := "held"
		switch {
		case g.Key == current.Key:
			state = "signs"
		case now.Before(g.Begins):
			state = "next"
		case now.After(g.Ends):
			state = "expired"
		}
		states = append(states, keyState{pair{g.ID, g.Key, g.Certificate, g.Begins, g.Ends}, state})
	}
	return cli.PrintList(c, states, func(w io.Writer, states []keyState) error {
		t := cli.NewTable(w)
		t.Row("SIGNER", "STATE", "FROM", "TO", "CERTIFICATE")
		for _, s := range states {
			t.Row(s.Name, s.State, s.NotBefore.Format(time.DateOnly), s.NotAfter.Format(time.DateOnly), s.Certificate)
		}
		return t.Flush()
	})
}
