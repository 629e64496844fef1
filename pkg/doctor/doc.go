// Package doctor finds out what keeps a router from its work, and says in plain words what is to be
// done: of one that runs by what it tells of itself, and of the machine, whether one runs or not.
package doctor

import (
	"cmp"
	"fmt"
	"slices"

	"i2ptoolkit/pkg/control"
)

// findings are gathered.
type findings []control.Finding

func (fs *findings) ok(check, format string, args ...any) {
	*fs = append(*fs, control.Finding{Check: check, Level: control.FindingOK, Text: fmt.Sprintf(format, args...)})
}

func (fs *findings) note(check, text, advice string) {
	*fs = append(*fs, control.Finding{Check: check, Level: control.FindingNote, Text: text, Advice: advice})
}

func (fs *findings) problem(check, text, advice string) {
	*fs = append(*fs, control.Finding{Check: check, Level: control.FindingProblem, Text: text, Advice: advice})
}

// Sort puts the worst first; else they stay as they were looked for.
func Sort(all []control.Finding) {
	rank := func(f control.Finding) int {
		return slices.Index([]control.FindingLevel{control.FindingProblem, control.FindingNote, control.FindingOK}, f.Level)
	}
	slices.SortStableFunc(all, func(a, b control.Finding) int { return cmp.Compare(rank(a), rank(b)) })
}

// Ill reports whether there is a problem among them.
func Ill(all []control.Finding) bool {
	return slices.ContainsFunc(all, func(f control.Finding) bool { return f.Level == control.FindingProblem })
}
