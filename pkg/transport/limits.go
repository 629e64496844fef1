package transport

import (
	"cmp"
	"time"
)

// Limits bounds what strangers and peers can take. A zero field is replaced by
// its default.
type Limits struct {
	Sessions          int           // established; 2048, and incoming ones two thirds of them
	Pending           int           // incoming handshakes; 256, and no more than sessions
	Dials             int           // outgoing handshakes; 128, and no more than sessions
	PendingPerSource  int           // incoming handshakes from an IPv4 address or IPv6 /64; 8
	SessionsPerSource int           // sessions that came in from it, before no more do; 16
	FailuresPerSource int           // bad first messages before an address is no longer heard; 16
	QueueMessages     int           // messages waiting for one peer; 512
	QueueBytes        int           // their bytes; 1 MiB
	LentBytes         int           // of all peers, beyond the room of their own: what waits for young sessions, or is on its way; 32 MiB
	IdleTimeout       time.Duration // without an I2NP message; 3 min and up to a sixth more
	KeepAlive         time.Duration // of wanted peers; 45 s
	RedialAfter       time.Duration // after a failed dial; 3 s, as a way that was lost may come back any moment
	RefusedAfter      time.Duration // after a peer has refused us; 10 s
	InfoInterval      time.Duration // between two sendings of our RouterInfo; 25 min and up to as much again
	InfoMaxAge        time.Duration // of the RouterInfo that a peer presents itself with; 90 min
}

func (l Limits) withDefaults() Limits {
	return Limits{
		Sessions:          cmp.Or(l.Sessions, 2048),
		Pending:           cmp.Or(l.Pending, 256),
		Dials:             cmp.Or(l.Dials, 128),
		PendingPerSource:  cmp.Or(l.PendingPerSource, 8),
		SessionsPerSource: cmp.Or(l.SessionsPerSource, 16),
		FailuresPerSource: cmp.Or(l.FailuresPerSource, 16),
		QueueMessages:     cmp.Or(l.QueueMessages, 512),
		QueueBytes:        cmp.Or(l.QueueBytes, 1<<20),
		LentBytes:         cmp.Or(l.LentBytes, 32<<20),
		IdleTimeout:       cmp.Or(l.IdleTimeout, 3*time.Minute),
		KeepAlive:         cmp.Or(l.KeepAlive, 45*time.Second),
		RedialAfter:       cmp.Or(l.RedialAfter, 3*time.Second),
		RefusedAfter:      cmp.Or(l.RefusedAfter, 10*time.Second),
		InfoInterval:      cmp.Or(l.InfoInterval, 25*time.Minute),
		InfoMaxAge:        cmp.Or(l.InfoMaxAge, 90*time.Minute),
	}
}
