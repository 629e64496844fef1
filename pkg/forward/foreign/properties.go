package foreign

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// readProperties reads Java's format (I2P configuration file specification, "General Format"),
// in which the tunnels of i2ptunnel.config are numbered and a file of i2ptunnel.config.d has the
// keys of one tunnel without a prefix:
//
//	# a comment, which may begin anywhere; at the line's beginning ; does it too
//	tunnel.0.key=value
//
// There are no escapes, what stands twice holds as it stands last, and lines without = say
// nothing. Tunnels come in the order of their numbers.
func readProperties(f File) ([]section, error) {
	tunnels := make(map[int]*section) // -1: the keys without a prefix
	number := 0
	err := lines(f.Text, func(line string) error {
		number++
		if line == "" || line[0] == ';' {
			return nil
		}
		line, _, _ = strings.Cut(line, "#")
		name, value, ok := strings.Cut(line, "=")
		if !ok || name == "" {
			return nil
		}
		n, name, err := numbered(name)
		if err != nil {
			return err
		}
		s := tunnels[n]
		if s == nil {
			if len(tunnels) == maxTunnels {
				return fmt.Errorf("more than %d tunnels", maxTunnels)
			}
			s = &section{file: f.Name, line: number}
			tunnels[n] = s
		}
		k := key{name, strings.TrimSpace(value), number}
		if i := s.find(name); i >= 0 {
			s.keys = slices.Delete(s.keys, i, i+1)
		}
		return s.add(k)
	})
	if err != nil {
		return nil, err
	}
	return inOrder(tunnels), nil
}

// numbered takes the prefix off a key; a key without one is of tunnel -1.
func numbered(name string) (n int, rest string, err error) {
	const prefix = "tunnel."
	after, ok := strings.CutPrefix(name, prefix)
	if !ok {
		return -1, name, nil
	}
	digits, rest, ok := strings.Cut(after, ".")
	u, err := strconv.ParseUint(digits, 10, 16)
	if err != nil || !ok || rest == "" {
		return 0, "", fmt.Errorf("expected tunnel.NUMBER.key, and not %q", abridged(name))
	}
	return int(u), rest, nil
}

// inOrder gives the tunnels names: their own, or else the number.
func inOrder(tunnels map[int]*section) []section {
	var numbers []int
	for n := range tunnels {
		numbers = append(numbers, n)
	}
	slices.Sort(numbers)
	var all []section
	for _, n := range numbers {
		s := tunnels[n]
		if i := s.find("name"); i >= 0 {
			s.name = s.keys[i].value
		}
		if s.name == "" {
			s.name = "tunnel"
			if n >= 0 {
				s.name += strconv.Itoa(n)
			}
		}
		all = append(all, *s)
	}
	return all
}
