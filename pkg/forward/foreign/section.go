// Package foreign reads what other routers' tunnels are configured with, i2pd's tunnels.conf and
// Java's i2ptunnel.config and their directories, and makes plans for forwards of it. What has no
// counterpart here is told key by key, with the reason.
package foreign

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Format is whose configuration it is.
type Format string

// The formats.
const (
	I2PD Format = "i2pd" // tunnels.conf, tunnels.d/*.conf
	Java Format = "java" // i2ptunnel.config, i2ptunnel.config.d/*.config
)

// The bounds of what is read: far above what people configure, and low enough that no file takes
// long.
const (
	MaxFile    = 1 << 20 // bytes
	maxTunnels = 1000    // of a file
	maxKeys    = 256     // of a tunnel
	maxValue   = 16 << 10
	maxKeyName = 128
)

// File is one file of a configuration.
type File struct {
	Name string // for errors and reports
	Text []byte
}

// section is one tunnel as its file has it.
type section struct {
	file string
	line int
	name string
	keys []key
}

// key is one line of a section.
type key struct {
	name, value string
	line        int
}

var errNoText = errors.New("no text in UTF-8")

// FormatOf tells whose a text is: i2pd's has sections, Java's has none. It is empty for a text
// that says nothing.
func FormatOf(text []byte) Format {
	format := Format("")
	for line := range bytes.Lines(text) {
		line = bytes.TrimSpace(line)
		switch {
		case len(line) == 0 || line[0] == '#' || line[0] == ';':
		case line[0] == '[':
			return I2PD
		case bytes.IndexByte(line, '=') > 0:
			format = Java
		}
	}
	return format
}

// sections reads a file of either format.
func sections(format Format, f File) ([]section, error) {
	switch {
	case len(f.Text) > MaxFile:
		return nil, fmt.Errorf("longer than %d bytes", MaxFile)
	case !utf8.Valid(f.Text) || bytes.IndexByte(f.Text, 0) >= 0:
		return nil, errNoText
	case format == I2PD:
		return readINI(f)
	}
	return readProperties(f)
}

// lines calls each with the lines of a file, without the space around them, until it fails.
func lines(text []byte, each func(line string) error) error {
	number := 0
	for line := range strings.Lines(string(text)) {
		number++
		if err := each(strings.TrimSpace(line)); err != nil {
			return fmt.Errorf("line %d: %w", number, err)
		}
	}
	return nil
}

// find is where a section has a key, or -1.
func (s *section) find(name string) int {
	for i := range s.keys {
		if s.keys[i].name == name {
			return i
		}
	}
	return -1
}

// add puts a key into a section that has room for it.
func (s *section) add(k key) error {
	switch {
	case len(s.keys) == maxKeys:
		return fmt.Errorf("more than %d keys for one tunnel", maxKeys)
	case len(k.name) > maxKeyName:
		return fmt.Errorf("a key that is longer than %d characters", maxKeyName)
	case len(k.value) > maxValue:
		return fmt.Errorf("a value that is longer than %d characters", maxValue)
	}
	s.keys = append(s.keys, k)
	return nil
}
