package options

import "strings"

// similar is the documented name that one may have been meant for: the nearest, if it is
// near.
func similar(name string) string {
	best, least := "", max(2, len(name)/4)+1
	for _, o := range Table() {
		if longer := len(name) - len(o.Name); max(longer, -longer) >= least {
			continue // it is as far at least, and a stranger's name may have any length
		}
		if d := distance(strings.ToLower(name), strings.ToLower(o.Name)); d < least {
			best, least = o.Name, d
		}
	}
	return best
}

// distance is how many letters are to be put in, taken out, changed or swapped with their
// neighbour to make b of a.
func distance(a, b string) int {
	before, last, now := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		now[0] = i
		for j := 1; j <= len(b); j++ {
			change := 1
			if a[i-1] == b[j-1] {
				change = 0
			}
			now[j] = min(last[j]+1, now[j-1]+1, last[j-1]+change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				now[j] = min(now[j], before[j-2]+1)
			}
		}
		before, last, now = last, now, before
	}
	return last[len(b)]
}
