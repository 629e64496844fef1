package main

import (
	"strings"

	"i2ptoolkit/pkg/cli"
)

// maxLines bounds a file of options or settings; one with as many clients' keys as there may be has a quarter
// of it.
const maxLines = 256 << 10 // bytes

// atFile is a check of a flag's values that lets @FILE through, which is read when it is needed.
func atFile(check func(string) error) func(string) error {
	return func(text string) error {
		if strings.HasPrefix(text, "@") {
			return nil
		}
		return check(text)
	}
}

// atFiles are the values of a flag, with the lines of a file in the place of each @FILE. What check refuses of
// those is told with its line.
func atFiles(c *cli.Context, flag string, check func(string) error) (all []string, err error) {
	for _, value := range c.StringSlice(flag) {
		file, is := strings.CutPrefix(value, "@")
		if !is {
			all = append(all, value)
			continue
		}
		text, err := cli.ReadText(c, file, maxLines)
		if err != nil {
			return nil, err
		}
		number := 0
		for line := range strings.Lines(string(text)) {
			number++
			if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
				continue
			}
			if err := check(line); err != nil {
				return nil, cli.Dataf("%s, line %d: %w", cli.InputName(file), number, err)
			}
			all = append(all, line)
		}
	}
	return all, nil
}
