package node

import (
	"context"
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

// TestLackBeforeIntroductions: a router that is going to be told of others does not warn before.
func TestLackBeforeIntroductions(t *testing.T) {
	var log logBuffer
	introduced := make(chan struct{})
	n, stop := start(t, Config{Settings: settings(t.TempDir()), Log: log.logger(), Introduced: introduced})
	defer stop()
	<-n.loaded
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	n.tellLacks(ended) // it would look once before it sees the end
	if strings.Contains(log.String(), "no tunnels") {
		t.Error("it warns before anybody was introduced")
	}
	close(introduced)
	await(t, "a warning", func() bool { return strings.Contains(log.String(), "no tunnels") })
}
