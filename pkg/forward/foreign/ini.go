package foreign

import (
	"errors"
	"fmt"
	"strings"
)

// readINI reads i2pd's format, in which each tunnel is a section:
//
//	# a comment, as is a line that begins with ;
//	[NAME]
//	key = value
//
// A comment has its line for itself, and what stands twice is an error, as it is for i2pd, which
// then reads nothing of the file.
func readINI(f File) ([]section, error) {
	var all []section
	names := make(map[string]bool)
	number := 0
	err := lines(f.Text, func(line string) error {
		number++
		if line == "" || line[0] == '#' || line[0] == ';' {
			return nil
		}
		if line[0] == '[' {
			name, ok := strings.CutSuffix(line[1:], "]")
			name = strings.TrimSpace(name)
			switch {
			case !ok || name == "":
				return fmt.Errorf("expected [NAME], and not %q", abridged(line))
			case names[name]:
				return fmt.Errorf("a second section %q", abridged(name))
			case len(all) == maxTunnels:
				return fmt.Errorf("more than %d tunnels", maxTunnels)
			}
			names[name] = true
			all = append(all, section{file: f.Name, line: number, name: name})
			return nil
		}
		name, value, ok := strings.Cut(line, "=")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		switch {
		case !ok || name == "":
			return fmt.Errorf("expected key = value, and not %q", abridged(line))
		case len(all) == 0:
			return errors.New("a key before the first [NAME]")
		}
		s := &all[len(all)-1]
		if s.find(name) >= 0 {
			return fmt.Errorf("%s a second time in [%s]", abridged(name), abridged(s.name))
		}
		return s.add(key{name, value, number})
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

// abridged is a text for an error.
func abridged(text string) string {
	const most = 64
	if len(text) > most {
		return strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}
