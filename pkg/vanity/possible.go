package vanity

import "regexp/syntax"

// possible tells whether any address at all matches an expression: the states of its program
// are followed through an address of which each character may be any of the alphabet, and the
// last one a or q.
func possible(tree *syntax.Regexp) (bool, error) {
	prog, err := syntax.Compile(tree)
	if err != nil {
		return false, err
	}
	w := walk{prog: prog}
	for at := range addressLen + 1 {
		w.seen = make([]bool, len(prog.Inst))
		here := w.next
		w.next = nil
		if w.follow(uint32(prog.Start), at) { // a match may begin anywhere
			return true, nil
		}
		for _, pc := range here {
			if w.follow(pc, at) {
				return true, nil
			}
		}
	}
	return false, nil
}

// walk is a step from one character to the next.
type walk struct {
	prog *syntax.Prog
	seen []bool   // states at this place
	next []uint32 // states behind its character
}

// follow goes to all states that can be reached from pc before the character at a place, and
// over it; it tells whether one of them is a match.
func (w *walk) follow(pc uint32, at int) (match bool) {
	if w.seen[pc] {
		return false
	}
	w.seen[pc] = true
	inst := &w.prog.Inst[pc]
	switch inst.Op {
	case syntax.InstMatch:
		return true
	case syntax.InstAlt, syntax.InstAltMatch:
		return w.follow(inst.Out, at) || w.follow(inst.Arg, at)
	case syntax.InstCapture, syntax.InstNop:
		return w.follow(inst.Out, at)
	case syntax.InstEmptyWidth:
		return syntax.EmptyOp(inst.Arg)&^around(at) == 0 && w.follow(inst.Out, at)
	case syntax.InstRune, syntax.InstRune1, syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
		for _, r := range charactersAt(at) {
			if inst.MatchRune(r) {
				w.next = append(w.next, inst.Out)
				break
			}
		}
	}
	return false
}

// around is what is true between two characters: all of them are letters of words, and there
// is but one line.
func around(at int) syntax.EmptyOp {
	switch at {
	case 0:
		return syntax.EmptyBeginText | syntax.EmptyBeginLine | syntax.EmptyWordBoundary
	case addressLen:
		return syntax.EmptyEndText | syntax.EmptyEndLine | syntax.EmptyWordBoundary
	}
	return syntax.EmptyNoWordBoundary
}

func charactersAt(at int) string {
	switch at {
	case addressLen:
		return ""
	case addressLen - 1:
		return "aq"
	}
	return alphabet
}
