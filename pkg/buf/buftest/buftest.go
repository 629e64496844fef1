// Package buftest has tests find buffers that are not released.
package buftest

import (
	"testing"

	"i2ptoolkit/pkg/buf"
)

// NoLeak fails a test at whose end other buffers are lent than now. What is to end before
// that is cleaned up by the test after this call.
func NoLeak(t testing.TB) {
	t.Helper()
	before := buf.InUse()
	t.Cleanup(func() {
		if n := buf.InUse(); n != before {
			t.Errorf("%d buffers were never released", n-before)
		}
	})
}
