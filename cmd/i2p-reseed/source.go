package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"time"

	"i2ptoolkit/pkg/cli"
	"i2ptoolkit/pkg/reseed"
	"i2ptoolkit/pkg/su3"
)

// input is a file, or stdin, whose kind is known from its beginning.
type input struct {
	Name string // for errors
	*bufio.Reader
	io.Closer
	zip bool // no su3, but a zip as su3 reseed files have in them
}

// openInput opens a file, or stdin for "-", and tells what it is.
func openInput(c *cli.Context, path string) (*input, error) {
	f, err := cli.OpenInput(c, path)
	if err != nil {
		return nil, err
	}
	in := &input{Name: cli.InputName(path), Reader: bufio.NewReaderSize(f, 64<<10), Closer: f}
	magic, err := in.Peek(4)
	if err != nil && err != io.EOF {
		in.Close()
		return nil, err
	}
	in.zip = string(magic) == "PK\x03\x04" || string(magic) == "PK\x05\x06"
	return in, nil
}

// bundle reads the whole of a reseed bundle.
func (in *input) bundle() ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(in, reseed.MaxBundle+1))
	if err != nil {
		return nil, err
	}
	if len(b) > reseed.MaxBundle {
		return nil, fmt.Errorf("more than the %d bytes that a bundle may have", reseed.MaxBundle)
	}
	return b, nil
}

// header reads a su3 file's header, and leaves it to be read again.
func (in *input) header() (su3.Header, error) {
	b, err := in.Peek(su3.MaxHeader)
	if err != nil && err != io.EOF {
		return su3.Header{}, err
	}
	h, _, err := su3.ParseHeader(b)
	if err != nil {
		return su3.Header{}, cli.BadData(in.Name, err)
	}
	return h, nil
}

// checkLength reads a file to its end, which must be where the header has it.
func (in *input) checkLength(h su3.Header) error {
	n, err := io.Copy(io.Discard, in)
	if err != nil {
		return err
	}
	head := int64(len(h.AppendTo(nil)))
	if want := head + h.ContentLen + int64(h.SignatureLen); n != want {
		return cli.Dataf("%s: %d bytes, expected %d by its header", in.Name, n, want)
	}
	return nil
}

// trustFlags name the certificates that signers are known by.
func trustFlags(more ...cli.Flag) []cli.Flag {
	return append([]cli.Flag{
		&cli.StringSliceFlag{Name: "certs", Usage: "trust the signers whose certificates are in `DIR`, or the one in a file, and no others"},
		&cli.StringFlag{Name: "at", Usage: "judge certificates and ages as of `TIME`, such as 2025-04-01T12:00:00Z, or of the end of a day such as 2025-04-01"},
	}, more...)
}

// trust reads the certificates that --certs names; without, the known signers are trusted.
func trust(c *cli.Context) (*reseed.Trust, error) {
	paths := c.StringSlice("certs")
	if len(paths) == 0 {
		return reseed.TrustKnown(), nil
	}
	t := new(reseed.Trust)
	for _, path := range paths {
		if err := addTrust(c, t, path); err != nil {
			return nil, err
		}
	}
	for _, bad := range t.Bad() {
		cli.Warnf(c, "left out: %v", bad)
	}
	return t, nil
}

func addTrust(c *cli.Context, t *reseed.Trust, path string) error {
	if info, err := os.Stat(path); path != "-" && err == nil && info.IsDir() {
		return cli.BadData(cli.InputName(path), t.AddDir(path))
	}
	text, err := cli.ReadText(c, path, maxKeyFile)
	if err != nil {
		return err
	}
	err = t.Add(text)
	return cli.BadData(cli.InputName(path), err)
}

// clock is the time of --at, or now.
func clock(c *cli.Context) (time.Time, error) {
	text := c.String("at")
	if text == "" {
		return time.Now(), nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04", time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			if layout == time.DateOnly { // what was made in its course is not from the future
				t = t.Add(24*time.Hour - time.Second)
			}
			return t, nil
		}
	}
	return time.Time{}, cli.Usagef("%s: --at %q is no time such as 2025-04-01 or 2025-04-01T12:00:00Z", c.Command.Name, text)
}

// netIDFlag names the network that RouterInfos must be of.
func netIDFlag() cli.Flag {
	return cli.Int(1, 255, cli.IntFlag{Name: "netid", Value: 2, Usage: "RouterInfos are of the network `ID`"})
}
