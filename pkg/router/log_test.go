package router

import (
	"errors"
	"log/slog"
	"strings"
	"testing"

	"i2ptoolkit/pkg/netdb"
)

// TestLogNamesNoDestination: what becomes of a destination's publications is told to the log, which
// may outlive the router, by a name that only this run knows.
func TestLogNamesNoDestination(t *testing.T) {
	a := newInquirer(t, false)
	var log strings.Builder
	a.r.cfg.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	a.dest.p.cfg.Name = "secret.b32.i2p"
	for _, err := range []error{errors.New("no answer"), netdb.ErrNoFloodfills} {
		a.r.mail.perform(a.dest.p, netdb.Out{Published: []netdb.Published{{Err: err}}})
	}
	if said := log.String(); strings.Count(said, `owner="destination 1"`) != 2 || strings.Contains(said, "secret") {
		t.Errorf("the log says %s", said)
	}
}
