package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"i2ptoolkit/pkg/cli"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/words"
)

// maxText bounds what sign and verify read.
const maxText = 256 << 20

func b64Command() *cli.Command {
	return &cli.Command{
		Name:        "b64",
		Usage:       "encode in I2P's base64, or decode it",
		ArgsUsage:   "[FILE|-]",
		Description: "The alphabet has - and ~ where the usual one has + and /. Decoding passes over white space.",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "decode", Aliases: []string{"d"}, Usage: "decode"},
			cli.OutputFlag(), cli.ForceFlag(),
		},
		Action: func(c *cli.Context) error {
			args := c.Args().Slice()
			path, err := inputOf(c, args)
			if err != nil {
				return err
			}
			if c.Bool("decode") {
				if err := cli.CheckBinaryOutput(c); err != nil {
					return err
				}
			}
			in, err := cli.OpenInput(c, path)
			if err != nil {
				return err
			}
			defer in.Close()
			return cli.StreamOutput(c, func(w io.Writer) error {
				if !c.Bool("decode") {
					return encode(w, in)
				}
				if err := decode(w, in); err != nil {
					return decodeError(path, err)
				}
				return nil
			})
		},
	}
}

// encode encodes a stream of any length as it comes.
func encode(w io.Writer, in io.Reader) error {
	enc := i2p.NewBase64Encoder(w)
	if _, err := io.Copy(enc, in); err != nil {
		return err
	}
	if err := enc.Close(); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

// errBase64 is what is wrong with the input itself.
var errBase64 = errors.New("is no base64")

func decodeError(path string, err error) error {
	if errors.Is(err, errBase64) {
		return cli.Dataf("%s %w", cli.InputName(path), err)
	}
	return err
}

// decode decodes a stream of any length as it comes, and passes over white space.
func decode(w io.Writer, in io.Reader) error {
	var chunk [64 << 10]byte
	in = skipMark(in)
	kept := 0      // bytes of a group of four that is not whole yet
	ended := false // there was padding
	for {
		n, readErr := in.Read(chunk[kept:])
		text := chunk[:kept+len(squeeze(chunk[kept:kept+n]))]
		whole := text[:len(text)-len(text)%4]
		if readErr != nil {
			whole = text
		}
		if ended && len(text) > 0 {
			return fmt.Errorf("%w: more follows its end", errBase64)
		}
		raw, err := i2p.DecodeBase64(string(whole))
		if err != nil {
			return fmt.Errorf("%w: a character that is none of it, or too few of them", errBase64)
		}
		ended = bytes.IndexByte(whole, '=') >= 0
		if _, err := w.Write(raw); err != nil {
			return err
		}
		if readErr == io.EOF {
			return nil
		}
		if readErr != nil {
			return readErr
		}
		kept = copy(chunk[:], text[len(whole):])
	}
}

// skipMark is a text without the byte order mark that it may begin with.
func skipMark(in io.Reader) io.Reader {
	buffered := bufio.NewReader(in)
	if b, _ := buffered.Peek(3); len(b) == 3 && len(words.Unmarked(b)) == 0 {
		buffered.Discard(3)
	}
	return buffered
}

// squeeze removes white space, in place.
func squeeze(text []byte) []byte {
	kept := text[:0]
	for _, b := range text {
		switch b {
		case ' ', '\t', '\r', '\n', '\v', '\f':
		default:
			kept = append(kept, b)
		}
	}
	return kept
}

// decodeText decodes a text that is short.
func decodeText(b []byte) ([]byte, error) {
	var out bytes.Buffer
	err := decode(&out, bytes.NewReader(b))
	return out.Bytes(), err
}
