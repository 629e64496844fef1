package forward

import (
	"fmt"

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
