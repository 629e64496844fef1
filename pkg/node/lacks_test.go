package node

import (
	"strings"
	"testing"
)

// TestLackIsTold: a router that is alone says so in its log and in its status.
func TestLackIsTold(t *testing.T) {
	var log logBuffer
	n, stop := start(t, Config{Settings: settings(t.TempDir()), Log: log.logger()})
	defer stop()
	const lack = "no other router is known, and a private network has no reseed servers "
	await(t, "a warning", func() bool { return strings.Contains(log.String(), `level=WARN msg="no tunnels" reason="`+lack) })
	if got := n.Status().Lacks; !strings.HasPrefix(got, lack) {
		t.Errorf("the status says %q", got)
	}
}
