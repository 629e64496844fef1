package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"i2ptoolkit/pkg/cli"
	"i2ptoolkit/pkg/datagram"
)

// datagramFlags are -u, and what belongs to it.
func datagramFlags(protocol string) []cli.Flag {
	names := make([]string, 0, len(datagram.Protocols))
	for _, p := range datagram.Protocols {
		names = append(names, datagram.Name(p))
	}
	return []cli.Flag{
		&cli.BoolFlag{Name: "udp", Aliases: []string{"u"}, Usage: "datagrams in place of a stream, each a line; see DATAGRAMS"},
		cli.OneOf(cli.StringFlag{Name: "protocol", Usage: "with -u: " + protocol + ": `PROTOCOL` is repliable, raw, datagram2 or datagram3"}, names...),
		&cli.BoolFlag{Name: "framed", Usage: "with -u: each datagram has its length before it, in 2 bytes, big-endian, and is no line"},
		&cli.BoolFlag{Name: "json", Usage: "with -u: each datagram is a JSON object in a line, that says from whom it is, or to whom"},
	}
}

// checkDatagramFlags tells what does not go together, with the flags of a verb that are for streams or
// for datagrams alone.
func checkDatagramFlags(c *cli.Context, verb string, streams, datagrams []string) error {
	datagrams = append(datagrams, "protocol", "framed", "json")
	without, others := datagrams, "for datagrams, which -u asks for"
	if c.Bool("udp") {
		without, others = streams, "for streams, and not for -u"
	}
	for _, flag := range without {
		if c.IsSet(flag) {
			return cli.Usagef("%s: --%s is %s", verb, flag, others)
		}
	}
	if c.Bool("framed") && c.Bool("json") {
		return cli.Usagef("%s: --framed and --json are two forms", verb)
	}
	return nil
}

// protocolOf is what --protocol says, or else the default.
func protocolOf(c *cli.Context) byte {
	if protocol, err := datagram.ParseName(c.String("protocol")); err == nil {
		return protocol
	}
	return datagram.Datagram2
}

// form is how datagrams are written on stdin and stdout. What a form does not say of one that is to be
// sent is left zero.
type form interface {
	read() (datagram.Message, error) // io.EOF at the end
	write(m datagram.Message) error
}

func formOf(c *cli.Context) form {
	switch {
	case c.Bool("framed"):
		return &framed{in: bufio.NewReader(os.Stdin), out: os.Stdout}
	case c.Bool("json"):
		return newJSONLines(os.Stdin, os.Stdout)
	}
	return &lines{in: bufio.NewReaderSize(os.Stdin, maxLine), out: os.Stdout, plain: cli.IsTerminal(os.Stdout)}
}

// maxLine is the longest line that is read, its end included; the router knows how much of it
// goes into a datagram.
const maxLine = datagram.MaxPayload

// lines have a datagram each, without the line's end.
type lines struct {
	in    *bufio.Reader
	out   io.Writer
	plain bool // out is a terminal, which no peer may command
	n     int
}

func (l *lines) read() (datagram.Message, error) {
	l.n++
	line, err := l.in.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return datagram.Message{}, cli.WithHint(cli.Dataf("line %d is longer than the %d bytes that a datagram can have", l.n, maxLine), "--framed sends what is no text")
	case errors.Is(err, io.EOF) && len(line) > 0:
	case err != nil:
		return datagram.Message{}, err
	default:
		line = line[:len(line)-1]
	}
	return datagram.Message{Payload: line}, nil
}

func (l *lines) write(m datagram.Message) error {
	text := m.Payload
	if l.plain {
		text = []byte(cli.Clean(string(text)))
	}
	if len(text) == 0 || text[len(text)-1] != '\n' {
		text = append(text[:len(text):len(text)], '\n')
	}
	_, err := l.out.Write(text)
	return err
}

// framed are datagrams of any bytes.
//
//	length 2 | payload
//	length :: big-endian
type framed struct {
	in  *bufio.Reader
	out io.Writer
}

func (f *framed) read() (datagram.Message, error) {
	var length [2]byte
	if _, err := io.ReadFull(f.in, length[:]); err != nil {
		return datagram.Message{}, cut(err)
	}
	payload := make([]byte, binary.BigEndian.Uint16(length[:]))
	if _, err := io.ReadFull(f.in, payload); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return datagram.Message{}, cut(err)
	}
	return datagram.Message{Payload: payload}, nil
}

// cut tells an end within a datagram from one between two.
func cut(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return cli.Dataf("stdin ends within a datagram")
	}
	return err
}

func (f *framed) write(m datagram.Message) error {
	if len(m.Payload) > 1<<16-1 {
		return fmt.Errorf("a datagram of %d bytes has no frame", len(m.Payload))
	}
	b := binary.BigEndian.AppendUint16(make([]byte, 0, 2+len(m.Payload)), uint16(len(m.Payload)))
	_, err := f.out.Write(append(b, m.Payload...))
	return err
}

// datagramSection is what -u does.
func datagramSection() cli.ManualSection {
	return cli.ManualSection{
		Title: "DATAGRAMS",
		Text: "With -u, connect sends a datagram for each line of stdin, without the line's end, and prints a line for each answer; " +
			"it ends once stdin has, and no answer has come for ten seconds (-q), or --count have. listen prints a line for each datagram " +
			"that comes, and sends each line of stdin to who was last heard, or gives each to a command, whose output is the answer. " +
			"Datagrams get lost, come twice and out of order. Of those of which it is known that they were lost here, a note says how many. " +
			"A datagram has room for 60 KB, but each kilobyte is a message of its own in the tunnels, and all of them must arrive: 10 KB is much.",
		Entries: []cli.Entry{
			{Term: "datagram2", Text: "Signed for its receiver, so that nobody can replay it to others; an offline signature may stand for the key. What connect sends unless --protocol says otherwise."},
			{Term: "repliable", Text: "Signed, but not for anybody: who got one can replay it. What routers before 2025 know. Keys whose own is offline cannot make it."},
			{Term: "datagram3", Text: "Says from whom it is, and is 420 bytes shorter. That is proven where it came in a session with a key of the sender's lease set, which is looked up where it is not known, so that the first may come unproven."},
			{Term: "raw", Text: "Says nothing of its sender, and cannot be answered."},
			{Term: "--framed", Text: "Each datagram has its length before it, in 2 bytes, big-endian, on stdin and stdout, and may be any bytes."},
			{Term: "--json", Text: "Each that came is an object with from, from_port, port, protocol, proven, options, data in base64, and text where that is UTF-8. Each that is to be sent is one with text or data, and where they are wanted to, to_port, protocol and options."},
		},
	}
}
