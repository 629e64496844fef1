package plan

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
)

// MaxPlans bounds how many forwards a router has.
const MaxPlans = 1000

// lineOf finds the line of a key or table, 1 where it cannot: the toml package does not tell it of
// what it has decoded.
func lineOf(text []byte, key toml.Key) int {
	number, table, whole := 0, "", strings.Join(key, ".")
	for line := range strings.Lines(string(text)) {
		number++
		line = strings.TrimSpace(line)
		if head, ok := strings.CutPrefix(line, "["); ok {
			head, _, _ = strings.Cut(strings.TrimPrefix(head, "["), "]")
			table = strings.NewReplacer(`"`, "", " ", "").Replace(head)
			if table == whole || strings.HasPrefix(table, whole+".") {
				return number
			}
			continue
		}
		name, _, ok := strings.Cut(line, "=")
		name = strings.TrimPrefix(table+"."+strings.Trim(strings.TrimSpace(name), `"`), ".")
		if ok && (name == whole || strings.HasPrefix(name, whole+".")) {
			return number
		}
	}
	return 1
}

// Append writes plans as Parse reads them, in the order of their names.
func Append(b []byte, plans ...Plan) ([]byte, error) {
	plans = slices.Clone(plans)
	slices.SortFunc(plans, func(p, q Plan) int { return strings.Compare(p.Name, q.Name) })
	var out bytes.Buffer
	for i, p := range plans {
		if i > 0 {
			out.WriteByte('\n')
		}
		e := toml.NewEncoder(&out)
		e.Indent = ""
		if err := e.Encode(map[string]Plan{p.Name: p}); err != nil {
			return nil, fmt.Errorf("plan: %s: %w", p.Name, err)
		}
	}
	return append(b, out.Bytes()...), nil
}
