package simtest

import (
	"crypto/sha256"
	"fmt"
	"testing"

	"i2ptoolkit/pkg/simnet"
)

// journal keeps one line for each delivery, to show where two runs part.
type journal struct{ lines []string }

func (j *journal) observe(d simnet.Delivery) {
	sum := sha256.Sum256(d.Data)
	j.lines = append(j.lines, fmt.Sprintf("%v kind %d %v > %v %d bytes %x",
		d.At.Sub(today), d.Kind, d.Src, d.Dst, len(d.Data), sum[:4]))
}

// compare shows the first deliveries that differ.
func (j *journal) compare(t *testing.T, other *journal) {
	for i := range max(len(j.lines), len(other.lines)) {
		if i < len(j.lines) && i < len(other.lines) && j.lines[i] == other.lines[i] {
			continue
		}
		for k := i; k < i+4; k++ {
			if k < len(j.lines) {
				t.Logf("%d one:   %s", k, j.lines[k])
			}
			if k < len(other.lines) {
				t.Logf("%d other: %s", k, other.lines[k])
			}
		}
		return
	}
}
