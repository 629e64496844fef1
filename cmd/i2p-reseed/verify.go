package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"i2ptoolkit/pkg/cli"
	"i2ptoolkit/pkg/reseed"
	"i2ptoolkit/pkg/su3"
	"i2ptoolkit/pkg/words"
)

func verifyCommand() *cli.Command {
	return &cli.Command{
		Name:      "verify",
		Usage:     "verify an su3 file's signature, and a bundle's RouterInfos",
		ArgsUsage: "FILE|-…",
		Description: "Without --certs the known reseed signers are trusted, for reseed bundles only. The exit status is 0 if all\n" +
			"files are good, 1 if one has a wrong signature, an unknown signer or one whose certificate has expired, or\n" +
			"no RouterInfo of the network that a router would take, 3 if one is corrupt.",
		Flags: trustFlags(netIDFlag(""), cli.JSONFlag()),
		Action: func(c *cli.Context) error {
			args := c.Args().Slice()
			t, err := trust(c)
			if err != nil {
				return err
			}
			now, err := clock(c)
			if err != nil {
				return err
			}
			var failures cli.Failures
			for _, path := range args {
				v, err := verify(c, path, t, now)
				if err := failures.Note(c, err); err != nil {
					return err
				}
				if err := v.report(c, err); err != nil {
					return err
				}
			}
			return failures.Err()
		},
	}
}

// verdict is what verify says of a file.
type verdict struct {
	File        string             `json:"file"`
	Valid       bool               `json:"valid"`
	Reason      string             `json:"reason,omitempty"` // why not
	why         error              // without the file's name
	ContentType string             `json:"content_type,omitempty"`
	Signer      string             `json:"signer,omitempty"`
	Type        string             `json:"signature_type,omitempty"`
	Version     string             `json:"version,omitempty"`
	Made        *time.Time         `json:"made,omitempty"`
	Routers     *int               `json:"routers,omitempty"`
	Rejected    []reseed.Rejection `json:"rejected,omitempty"`
}

// verify judges a file; the error says why the answer is no.
func verify(c *cli.Context, path string, t *reseed.Trust, now time.Time) (verdict, error) {
	v := verdict{File: path}
	in, err := cli.PeekInput(c, path)
	if err != nil {
		return v, err
	}
	defer in.Close()
	if in.Zip {
		return v, cli.Dataf("%s: a zip, which nobody has signed", in.Name)
	}
	h, err := peekHeader(in)
	if err != nil {
		return v, err
	}
	v.ContentType, v.Signer, v.Type, v.Version, v.Made = h.ContentType.String(), h.Signer, h.SignatureType.String(), h.Version, madeAt(h)
	if h.ContentType == su3.Reseed && h.FileType == su3.ZIP {
		var b reseed.Bundle
		if b, err = verifyBundle(c, in, t, now); err == nil {
			n := len(b.Infos)
			v.Routers = &n
			v.Rejected = b.Rejected
			err = hintNetwork(useless(v), b.Rejected)
		}
	} else {
		err = verifyStream(c, in, t, h, now, io.Discard)
	}
	if v.Valid = err == nil; v.Valid {
		return v, nil
	}
	v.why = err
	return v, judged(in.Name, err)
}

// errUseless says that a bundle is what it says it is, and helps no router.
var errUseless = errors.New("no RouterInfo that a router would take")

// useless tells whether there is nothing for a router in a bundle.
func useless(v verdict) error {
	if *v.Routers > 0 {
		return nil
	}
	var reasons []string
	for _, r := range countReasons(v.Rejected) {
		reasons = append(reasons, fmt.Sprintf("%d %s", r.count, r))
	}
	if len(reasons) == 0 {
		return fmt.Errorf("%w: it has none at all", errUseless)
	}
	return fmt.Errorf("%w: %s", errUseless, strings.Join(reasons, ", "))
}

// hintNetwork adds to an error that there are RouterInfos of another network, where --netid can name it.
func hintNetwork(err error, rejected []reseed.Rejection) error {
	if err == nil {
		return nil
	}
	for _, r := range rejected {
		if r.Network > 0 && r.Network <= maxNetID {
			return cli.WithHint(err, "--netid %d takes those of network %d", r.Network, r.Network)
		}
	}
	return err
}

// verifyBundle reads a reseed bundle whose signature must be good.
func verifyBundle(c *cli.Context, in *cli.Peeked, t *reseed.Trust, now time.Time) (reseed.Bundle, error) {
	b, err := in.ReadAll(reseed.MaxBundle)
	if err != nil {
		return reseed.Bundle{}, err
	}
	return reseed.OpenBundle(b, reseed.OpenConfig{Trust: t, Now: now, NetID: c.Int("netid")})
}

// verifyStream copies any other content to w as it goes through the signature's hash. The
// known signers are trusted with reseed data alone.
func verifyStream(c *cli.Context, in io.Reader, t *reseed.Trust, h su3.Header, now time.Time, w io.Writer) error {
	if len(c.StringSlice("certs")) == 0 {
		return fmt.Errorf("%w: nobody is trusted with content of type %v unless --certs says so", reseed.ErrUnknownSigner, h.ContentType)
	}
	return verifyKnown(in, t, h, now, w)
}

// verifyKnown copies content whose signer must be a trusted one.
func verifyKnown(in io.Reader, t *reseed.Trust, h su3.Header, now time.Time, w io.Writer) error {
	keys, err := t.Keys(h.Signer, now)
	if err != nil {
		return err
	}
	r, err := su3.NewReader(in)
	if err != nil {
		return err
	}
	if _, err := io.Copy(w, r); err != nil {
		return err
	}
	return r.Verify(keys...)
}

// judged gives an error the exit status that it means: whether the answer is no, or there
// is nothing to answer about.
func judged(name string, err error) error {
	for _, no := range []error{su3.ErrSignature, reseed.ErrUnknownSigner, reseed.ErrExpired, errUseless} {
		if errors.Is(err, no) {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return cli.BadData(name, err)
}

// report prints a verdict; err says why it is no, and was told.
func (v verdict) report(c *cli.Context, err error) error {
	if err != nil {
		v.Reason = cli.Text(cmp.Or(v.why, err))
	}
	if c.Bool("json") {
		return cli.PrintJSON(v)
	}
	if err != nil {
		return nil
	}
	name := cli.InputName(v.File)
	line := fmt.Sprintf("%s: good signature by %s (%s), %s", name, v.Signer, v.Type, v.ContentType)
	if v.Made != nil {
		line += " of " + v.Made.Format("2006-01-02T15:04Z")
	} else if v.Version != "" {
		line += " " + v.Version
	}
	if v.Routers != nil {
		line += ", " + words.Count(*v.Routers, "RouterInfo")
	}
	if err := cli.Printf("%s", line); err != nil {
		return err
	}
	for _, r := range countReasons(v.Rejected) {
		cli.Notef(c, "%s: %s rejected: %s", name, words.Count(r.count, "RouterInfo"), r)
	}
	return nil
}
