package main

import (
	"cmp"
	"errors"
	"time"

	"i2ptoolkit/pkg/cli"
	"i2ptoolkit/pkg/cli/record"
	"i2ptoolkit/pkg/netdbdir"
	"i2ptoolkit/pkg/routerinfo"
	"i2ptoolkit/pkg/words"
)

func verifyCommand() *cli.Command {
	return &cli.Command{
		Name:      "verify",
		Usage:     "verify netDb entries",
		ArgsUsage: "FILE|DIRECTORY|ZIP|SU3|-…",
		Description: "Each entry that is damaged, misnamed or has a bad signature is named, and why; with --all the good ones are, too.\n" +
			"Files are entries of any kind that show knows; a lease set whose time is over is good where it is signed well.\n" +
			"The status is 1 where an entry is bad.",
		Flags: []cli.Flag{&cli.BoolFlag{Name: "all", Usage: "name the good ones, too"}, cli.JSONFlag()},
		Action: func(c *cli.Context) error {
			v := &verifier{c: c}
			var failures cli.Failures
			for _, path := range c.Args().Slice() {
				if err := failures.Note(c, v.verify(path)); err != nil {
					return err
				}
				if v.err != nil {
					return v.err
				}
			}
			if v.bad > 0 || v.good > 0 {
				cli.Notef(c, "%s good, %d bad", words.Counted(v.good, "entry is", "entries are"), v.bad)
			}
			if err := failures.Err(); err != nil {
				return err
			}
			if v.bad > 0 {
				return cli.Silent(1)
			}
			return nil
		},
	}
}

// verdict is what is said of an entry.
type verdict struct {
	File  string `json:"file,omitempty"` // of one that is bad, or alone in its file
	Hash  string `json:"hash,omitempty"`
	State string `json:"state"` // valid, or what is wrong
}

// verifier judges entries, and counts them.
type verifier struct {
	c         *cli.Context
	good, bad int
	err       error // of writing
}

func (v *verifier) verify(path string) error {
	return each(v.c, path, v.config(), v.take, v.tell, func(in *cli.Peeked) error {
		b, err := in.ReadAll(maxRecord)
		if err != nil {
			return cli.BadData(in.Name, err)
		}
		shown, err := record.Guess(b, time.Now())
		if err != nil {
			v.say(verdict{File: in.Name, State: err.Error()}, false)
			return nil
		}
		hash, state, signed := shown.Verdict()
		v.say(verdict{in.Name, hash, state}, signed)
		return nil
	})
}

// config has the signatures verified, and is told of what is no use.
func (v *verifier) config() netdbdir.LoadConfig {
	return netdbdir.LoadConfig{Verify: true, Passed: func(file string, why error) {
		switch {
		case errors.Is(why, netdbdir.ErrName):
		case errors.Is(why, routerinfo.ErrSignature):
			v.say(verdict{File: file, State: record.BadSignature}, false)
		default:
			v.say(verdict{File: file, State: why.Error()}, false)
		}
	}}
}

func (v *verifier) take(ri *routerinfo.RouterInfo) {
	v.say(verdict{Hash: ri.Hash().String(), State: record.Valid}, true)
}

// tell says what of a directory or zip was not looked at.
func (v *verifier) tell(name string, counts netdbdir.Loaded) {
	counts.Junk, counts.Misnamed = 0, 0 // each has been named
	tell(v.c, name, counts)
}

func (v *verifier) say(d verdict, good bool) {
	if good {
		v.good++
	} else {
		v.bad++
	}
	if v.err != nil || (good && !v.c.Bool("all")) {
		return
	}
	if v.c.Bool("json") {
		v.err = cli.PrintJSON(d)
		return
	}
	v.err = cli.Printf("%s: %s", cmp.Or(d.File, d.Hash), d.State)
}
