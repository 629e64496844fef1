package forward

import (
	"fmt"
	"slices"

	"i2ptoolkit/pkg/forward/access"
	"i2ptoolkit/pkg/i2p"
)

// rules are those of the plan's file; nil where it names none.
func (f *forward) rules() (*access.Filter, error) {
	path := f.plan().Access.Filter
	if path == "" {
		return nil, nil
	}
	def, err := access.Read(path)
	if err == nil {
		var rules *access.Filter
		if rules, err = access.New(def, f.m.cfg.Log); err == nil {
			return rules, nil
		}
	}
	return nil, fmt.Errorf("access filter: %w", err)
}

// lawful asks the rules.
func (f *forward) lawful(peer i2p.Hash) bool {
	rules := f.filter.Load()
	return rules == nil || rules.Allows(f.m.cfg.Now(), peer)
}

// tellUnknown warns of names in the access list that no address book has: they let nobody in, and keep
// nobody out, until one has.
func (f *forward) tellUnknown() {
	a, unknown := f.plan().Access, 0
	for _, text := range slices.Concat(a.Allow, a.Deny) {
		if n, err := i2p.ParseName(text); err == nil && n.Kind == i2p.NameHost {
			if _, err := f.m.cfg.Lookup(n.Host); err != nil {
				unknown++
			}
		}
	}
	if unknown > 0 {
		f.m.cfg.Log.Warn("names in an access list are in no address book: nobody is meant by them", "name", f.name, "names", unknown)
	}
}
