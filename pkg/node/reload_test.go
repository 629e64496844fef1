package node

import (
	"errors"
	"log/slog"
	"strings"
	"testing"

	"i2ptoolkit/pkg/config"
	"i2ptoolkit/pkg/control"
)

// TestReload: the log level and the transit limit change; settings that cannot
// be read, or make no sense, change nothing.
func TestReload(t *testing.T) {
	next, nextErr := settings(""), error(nil)
	var level slog.LevelVar
	level.Set(slog.LevelWarn)
	var log logBuffer
	s := settings(t.TempDir())
	next.DataDir = s.DataDir
	n, _ := start(t, Config{
		Settings: s, Level: &level, Log: log.logger(),
		Reread: func() (config.Config, error) { return next, nextErr },
	})
	next.LogLevel, next.Transit.MaxTunnels = "debug", 0
	if err := n.Reload(); err != nil {
		t.Fatal(err)
	}
	if n.LogLevel() != "debug" || level.Level() != slog.LevelDebug || n.Status().LogLevel != "debug" {
		t.Errorf("the log level is %s", n.LogLevel())
	}
	if strings.Contains(log.String(), "next start") {
		t.Errorf("what takes effect is said not to: %s", log.String())
	}
	next.Floodfill, next.NTCP2.MaxSessions = true, 7
	if err := n.Reload(); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(log.String(), `level=WARN msg="some settings take effect with the next start only" keys="floodfill ntcp2.max_sessions"`) {
		t.Errorf("what does not take effect is not named: %s", log.String())
	}

	nextErr = errors.New("line 3: no such key")
	next.LogLevel = "error"
	var e *control.Error
	if err := n.Reload(); !errors.As(err, &e) || e.Code != control.BadData || !strings.Contains(e.Message, "line 3") {
		t.Errorf("settings that cannot be read: %v", err)
	}
	nextErr = nil
	next.LogLevel = "loud"
	if err := n.Reload(); !errors.As(err, &e) || e.Code != control.BadRequest {
		t.Errorf("a log level that there is not: %v", err)
	}
	if n.LogLevel() != "debug" {
		t.Errorf("after refused settings the log level is %s", n.LogLevel())
	}
}

func TestReloadWithoutSettings(t *testing.T) {
	n, err := New(Config{Settings: settings("")})
	if err != nil {
		t.Fatal(err)
	}
	var e *control.Error
	if err := n.Reload(); !errors.As(err, &e) || e.Code != control.BadRequest {
		t.Errorf("a router that was given no settings to read again: %v", err)
	}
	if err := n.ChangeLogLevel("info"); !errors.As(err, &e) || e.Code != control.BadRequest {
		t.Errorf("a log whose level is fixed: %v", err)
	}
}
