package node

import (
	"log/slog"
	"strings"

	"i2ptoolkit/pkg/config"
	"i2ptoolkit/pkg/config/reload"
	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/metrics"
)

// logbook is the log of a router, which counts its lines, and the level, which
// may change.
type logbook struct {
	log   *slog.Logger
	lines metrics.LineCounter
	level *slog.LevelVar // nil where it cannot be changed
	fixed string         // the level then
}

func newLogbook(log *slog.Logger, level *slog.LevelVar, fixed string) *logbook {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	l := &logbook{level: level, fixed: fixed}
	l.log = l.lines.Logger(log)
	return l
}

// LogLevel is the present one.
func (l *logbook) LogLevel() string {
	if l.level == nil {
		return l.fixed
	}
	return strings.ToLower(l.level.Level().String())
}

// ChangeLogLevel changes it from now on.
func (l *logbook) ChangeLogLevel(text string) error {
	level, err := logLevel(text)
	if err != nil {
		return err
	}
	if l.level == nil {
		return control.Errorf(control.BadRequest, "the level of this router's log is fixed")
	}
	l.level.Set(level)
	return nil
}

// part has the level follow the settings.
func (l *logbook) part() reload.Part {
	return reload.Part{Keys: "log_level", Prepare: func(_, to config.Config) (func(), error) {
		level, err := logLevel(to.LogLevel)
		if err != nil || l.level == nil {
			return nil, err
		}
		return func() { l.level.Set(level) }, nil
	}}
}

func logLevel(text string) (l slog.Level, err error) {
	if err := l.UnmarshalText([]byte(text)); err != nil {
		return l, control.Errorf(control.BadRequest, "%q is no log level: debug, info, warn, error", text)
	}
	return l, nil
}
