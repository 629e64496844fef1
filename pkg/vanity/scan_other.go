//go:build !amd64

package vanity

// anyMatch tells whether a word of the list, masked, is the value.
func anyMatch(list *[batchLen]uint32, mask, value uint32) bool {
	for _, w := range list {
		if w&mask == value {
			return true
		}
	}
	return false
}
