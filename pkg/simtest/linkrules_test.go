//go:build !race

package simtest

import "time"

// rules are how the attacker makes up his mind: whom he takes, given what was seen.
var rules = map[string]func([]testimony) []int{
	"the odd one": func(seen []testimony) []int {
		groups := make(map[string][]int)
		for i, w := range seen {
			if !w.clear {
				groups[w.words] = append(groups[w.words], i)
			}
		}
		return extreme(seen, func(i int) int { return len(groups[seen[i].words]) })
	},
	"the first": func(seen []testimony) []int { return extreme(seen, func(i int) int { return int(when(seen[i])) }) },
	"the last":  func(seen []testimony) []int { return extreme(seen, func(i int) int { return -int(when(seen[i])) }) },
	"the talker": func(seen []testimony) []int {
		return extreme(seen, func(i int) int { return -len(seen[i].words) })
	},
}

func when(w testimony) time.Duration {
	if !w.any {
		return time.Hour
	}
	return w.first
}

// extreme are those for whom a number is the least.
func extreme(seen []testimony, of func(i int) int) (least []int) {
	for i := range seen {
		switch {
		case seen[i].clear:
		case len(least) == 0 || of(i) < of(least[0]):
			least = []int{i}
		case of(i) == of(least[0]):
			least = append(least, i)
		}
	}
	return least
}
