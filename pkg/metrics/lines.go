package metrics

import (
	"context"
	"log/slog"
	"sync/atomic"
)

// Lines are the lines of a log by level.
type Lines struct{ Debug, Info, Warn, Error uint64 }

// LineCounter counts the lines of a log.
type LineCounter struct{ debug, info, warn, error atomic.Uint64 }

// Lines returns the counts.
func (c *LineCounter) Lines() Lines {
	return Lines{Debug: c.debug.Load(), Info: c.info.Load(), Warn: c.warn.Load(), Error: c.error.Load()}
}

// Logger passes on what is logged, and counts it.
func (c *LineCounter) Logger(l *slog.Logger) *slog.Logger {
	return slog.New(&counting{Handler: l.Handler(), to: c})
}

type counting struct {
	slog.Handler
	to *LineCounter
}

// Handle is slog.Handler's.
func (h *counting) Handle(ctx context.Context, r slog.Record) error {
	switch {
	case r.Level >= slog.LevelError:
		h.to.error.Add(1)
	case r.Level >= slog.LevelWarn:
		h.to.warn.Add(1)
	case r.Level >= slog.LevelInfo:
		h.to.info.Add(1)
	default:
		h.to.debug.Add(1)
	}
	return h.Handler.Handle(ctx, r)
}

// WithAttrs is slog.Handler's.
func (h *counting) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &counting{Handler: h.Handler.WithAttrs(attrs), to: h.to}
}

// WithGroup is slog.Handler's.
func (h *counting) WithGroup(name string) slog.Handler {
	return &counting{Handler: h.Handler.WithGroup(name), to: h.to}
}
