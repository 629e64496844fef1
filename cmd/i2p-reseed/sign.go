package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"i2ptoolkit/pkg/cli"
	"i2ptoolkit/pkg/su3"
)

// maxSigned bounds what sign reads: a router update has 40 MB.
const maxSigned = 256 << 20

func signCommand() *cli.Command {
	return &cli.Command{
		Name:      "sign",
		Usage:     "make an su3 file",
		ArgsUsage: "FILE|-",
		Description: "FILE becomes the content, signed with a signer's key; the su3 file goes to stdout or to -o FILE. A version\n" +
			"is a time in seconds for reseed bundles and news, by default now, and a number like 2.9.0 for others.",
		Flags: signerFlags(
			cli.Checked(cli.StringFlag{Name: "content", Value: "reseed", Usage: "the content is `TYPE`: reseed, news, blocklist, update, plugin, unknown"}, checkContent, "reseed", "news", "blocklist", "update", "plugin", "unknown"),
			cli.Checked(cli.StringFlag{Name: "type", Usage: "the content is a file of `TYPE`: zip, xml, html, xml.gz, txt.gz, dmg, exe", DefaultText: "by its beginning"}, checkFileType, "zip", "xml", "html", "xml.gz", "txt.gz", "dmg", "exe"),
			&cli.StringFlag{Name: "content-version", Usage: "the content's `VERSION`"},
			cli.DirFlag(), cli.OutputFlag(), cli.ForceFlag(),
		),
		Action: func(c *cli.Context) error {
			args := c.Args().Slice()
			now := time.Now()
			content, err := su3.ParseContentType(c.String("content"))
			if err != nil {
				return cli.Usagef("sign: %w", err)
			}
			version, err := versionOf(c.String("content-version"), content, now)
			if err != nil {
				return err
			}
			if err := cli.CheckBinaryOutput(c); err != nil {
				return err
			}
			signer, err := loadSigner(c, now)
			if err != nil {
				return err
			}
			b, err := cli.ReadInput(c, args[0], maxSigned)
			if err != nil {
				return err
			}
			file, err := fileTypeOf(c.String("type"), b)
			if err != nil {
				return err
			}
			signed, err := su3.Sign(signer, su3.Header{Version: version, FileType: file, ContentType: content}, b)
			if err != nil {
				return fmt.Errorf("%s: %w", cli.InputName(args[0]), err)
			}
			return cli.WriteOutput(c, signed)
		},
	}
}

func checkContent(name string) error {
	_, err := su3.ParseContentType(name)
	return bare(err, "su3: ")
}

func checkFileType(name string) error {
	_, err := su3.ParseFileType(name)
	return bare(err, "su3: ")
}

// bare is an error without the name of the package that it comes from.
func bare(err error, prefix string) error {
	if err == nil {
		return nil
	}
	return errors.New(strings.TrimPrefix(err.Error(), prefix))
}

// versionOf checks a content's version, or makes it (Software Update Specification).
func versionOf(text string, content su3.ContentType, now time.Time) (string, error) {
	dated := content == su3.Reseed || content == su3.News || content == su3.Blocklist
	switch {
	case text == "" && dated:
		return strconv.FormatInt(now.Unix(), 10), nil
	case text == "":
		return "", cli.Usagef("sign: content of type %v needs a --content-version", content)
	case len(text) > 255:
		return "", cli.Usagef("sign: a version has at most 255 bytes, this %d", len(text))
	}
	if _, err := strconv.ParseUint(text, 10, 63); err != nil && dated {
		return "", cli.Usagef("sign: the version of %v content is a time in seconds, not %q", content, text)
	}
	return text, nil
}

// fileTypeOf is the type that was named, or what the content looks like.
func fileTypeOf(name string, b []byte) (su3.FileType, error) {
	if name != "" {
		t, err := su3.ParseFileType(name)
		if err != nil {
			err = cli.Usagef("sign: %w", err)
		}
		return t, err
	}
	for _, known := range []struct {
		magic string
		t     su3.FileType
	}{{"PK", su3.ZIP}, {"<?xml", su3.XML}, {"<feed", su3.XML}, {"<!DOCTYPE html", su3.HTML}, {"<html", su3.HTML}, {"MZ", su3.EXE}} {
		if len(b) >= len(known.magic) && string(b[:len(known.magic)]) == known.magic {
			return known.t, nil
		}
	}
	return 0, cli.Usagef("sign: the content does not tell what it is: name its --type")
}
