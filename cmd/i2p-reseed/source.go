package main

import (
	"io"
	"os"
	"time"

	"i2ptoolkit/pkg/cli"
	"i2ptoolkit/pkg/reseed"
	"i2ptoolkit/pkg/su3"
)

// peekHeader reads a su3 file's header, and leaves it to be read again.
func peekHeader(in *cli.Peeked) (su3.Header, error) {
	b, err := in.Peek(su3.MaxHeader)
	if err != nil && err != io.EOF {
		return su3.Header{}, err
	}
	h, _, err := su3.ParseHeader(b)
	return h, cli.BadData(in.Name, err)
}

// checkLength reads a file to its end, which must be where the header has it.
func checkLength(in *cli.Peeked, h su3.Header) error {
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
		&cli.StringSliceFlag{Name: "certs", Usage: "trust the signers whose certificates are in `DIR`, or the one in a file, and no others; without, those whom Java I2P or i2pd trust"},
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
	text, err := cli.ReadInput(c, path, maxKeyFile)
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

// maxNetID is the last network that there can be: NTCP2 has a byte for it.
const maxNetID = 255

// netIDFlag names the network that RouterInfos must be of.
func netIDFlag(more string) cli.Flag {
	return cli.Int(1, maxNetID, cli.IntFlag{Name: "netid", Value: 2, Usage: "RouterInfos are of the network `ID`" + more})
}
