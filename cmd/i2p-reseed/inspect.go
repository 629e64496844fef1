package main

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"i2ptoolkit/pkg/cli"
	"i2ptoolkit/pkg/cli/record"
	"i2ptoolkit/pkg/reseed"
	"i2ptoolkit/pkg/su3"
	"i2ptoolkit/pkg/words"
)

func inspectCommand() *cli.Command {
	return &cli.Command{
		Name:      "inspect",
		Usage:     "show what an su3 file or a zip of RouterInfos says of itself",
		ArgsUsage: "FILE|-…",
		Description: "Files of every content type are shown, and the RouterInfos of a reseed bundle: each that a router would\n" +
			"take, and each that it would not, with the reason. The signature is not verified: verify does that.",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "routers", Usage: "list the RouterInfos, too"},
			&cli.StringFlag{Name: "at", Usage: "judge ages as of `TIME` (default: when the bundle was made)"},
			netIDFlag(""), cli.JSONFlag(),
		},
		Action: func(c *cli.Context) error {
			args := c.Args().Slice()
			var failures cli.Failures
			count := 0
			for _, path := range args {
				shown, err := inspect(c, path)
				if err != nil {
					if err := failures.Note(c, err); err != nil {
						return err
					}
					continue
				}
				if count++; count > 1 && !c.Bool("json") {
					if err := cli.Printf(""); err != nil {
						return err
					}
				}
				if err := shown.printAs(c.Bool("json")); err != nil {
					return err
				}
			}
			return failures.Err()
		},
	}
}

// contents is what inspect shows of a file.
type contents struct {
	File           string             `json:"file"`
	Kind           string             `json:"kind"` // su3, zip
	ContentType    string             `json:"content_type,omitempty"`
	FileType       string             `json:"file_type,omitempty"`
	Version        string             `json:"version,omitempty"`
	Made           *time.Time         `json:"made,omitempty"`
	Signer         string             `json:"signer,omitempty"`
	SignatureType  string             `json:"signature_type,omitempty"`
	SignatureBytes int                `json:"signature_bytes,omitempty"`
	ContentBytes   int64              `json:"content_bytes"`
	Routers        *int               `json:"routers,omitempty"`
	Rejected       []reseed.Rejection `json:"rejected,omitempty"`
	List           []record.Router    `json:"list,omitempty"`
}

func inspect(c *cli.Context, path string) (contents, error) {
	in, err := cli.PeekInput(c, path)
	if err != nil {
		return contents{}, err
	}
	defer in.Close()
	shown := contents{File: path, Kind: "zip"}
	if !in.Zip {
		h, err := peekHeader(in)
		if err != nil {
			return contents{}, err
		}
		shown.describe(h)
		if h.ContentType != su3.Reseed || h.FileType != su3.ZIP {
			return shown, checkLength(in, h)
		}
	}
	b, err := in.ReadAll(reseed.MaxBundle)
	if err != nil {
		return contents{}, cli.BadData(in.Name, err)
	}
	if in.Zip {
		shown.ContentBytes = int64(len(b))
	}
	now := time.Now()
	if c.String("at") != "" {
		now, err = clock(c)
	} else if shown.Made != nil {
		now = *shown.Made
	}
	if err != nil {
		return contents{}, err
	}
	bundle, err := reseed.OpenBundle(b, reseed.OpenConfig{Now: now, NetID: c.Int("netid"), SkipSignature: true, Own: true})
	if err != nil {
		return contents{}, cli.BadData(in.Name, err)
	}
	shown.count(bundle, c.Bool("routers"))
	return shown, nil
}

func (s *contents) describe(h su3.Header) {
	s.Kind, s.ContentType, s.FileType = "su3", h.ContentType.String(), h.FileType.String()
	s.Version, s.Signer = h.Version, h.Signer
	s.SignatureType, s.SignatureBytes, s.ContentBytes = h.SignatureType.String(), h.SignatureLen, h.ContentLen
	s.Made = madeAt(h)
}

// madeAt reads the time that is the version of reseed data and of news (Software Update
// Specification, SU3 Reseed File Specification).
func madeAt(h su3.Header) *time.Time {
	made := reseed.MadeAt(h.Version)
	if made.IsZero() || h.ContentType != su3.Reseed && h.ContentType != su3.News {
		return nil
	}
	return &made
}

func (s *contents) count(b reseed.Bundle, list bool) {
	n := len(b.Infos)
	s.Routers = &n
	s.Rejected = b.Rejected
	if list {
		for _, ri := range b.Infos {
			s.List = append(s.List, record.OfRouter(ri, false))
		}
	}
}

func (s contents) printAs(json bool) error {
	if json {
		return cli.PrintJSON(s)
	}
	return s.print()
}

func (s contents) print() error {
	t := cli.NewTable(os.Stdout)
	row := t.Rowf
	row("file", "%s", cli.InputName(s.File))
	if s.Kind == "su3" {
		row("content", "%s (%s), %s", s.ContentType, s.FileType, words.Bytes(s.ContentBytes))
		row("version", "%s", s.Version)
		if s.Made != nil {
			row("made", "%s", s.Made.Format("2006-01-02T15:04:05Z"))
		}
		row("signer", "%s", s.Signer)
		row("signature", "%s, %s", s.SignatureType, words.Bytes(s.SignatureBytes))
	} else {
		row("content", "zip, %s, unsigned", words.Bytes(s.ContentBytes))
	}
	if s.Routers != nil {
		row("routers", "%d", *s.Routers)
	}
	for _, r := range countReasons(s.Rejected) {
		row("rejected", "%d: %s", r.count, r)
	}
	if err := t.Flush(); err != nil || s.List == nil {
		return err
	}
	if err := cli.Printf(""); err != nil {
		return err
	}
	t = cli.NewTable(os.Stdout)
	for _, r := range s.List {
		t.Row(r.Hash, r.Caps, r.Version, r.Published.Format("2006-01-02T15:04Z"), strings.Join(r.Endpoints(), ", "))
	}
	return t.Flush()
}

// reasonCount is how many are rejected for a reason, and one of those that have more to say.
type reasonCount struct {
	reason  string
	count   int
	example reseed.Rejection
}

// String is the reason, with the example where there is one.
func (r reasonCount) String() string {
	switch {
	case r.example.Detail == "":
		return r.reason
	case r.count == 1:
		return r.example.Error()
	}
	return fmt.Sprintf("%s, such as %s: %s", r.reason, r.example.Name, r.example.Detail)
}

// countReasons sums up rejections, the most frequent first.
func countReasons(all []reseed.Rejection) []reasonCount {
	at := make(map[string]int)
	var out []reasonCount
	for _, r := range all {
		i, known := at[r.Reason]
		if !known {
			i = len(out)
			at[r.Reason] = i
			out = append(out, reasonCount{reason: r.Reason, example: r})
		}
		out[i].count++
	}
	sortReasons(out)
	return out
}

func sortReasons(all []reasonCount) {
	slices.SortFunc(all, func(a, b reasonCount) int {
		return cmp.Or(cmp.Compare(b.count, a.count), cmp.Compare(a.reason, b.reason))
	})
}
