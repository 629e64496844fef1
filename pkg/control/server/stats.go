package server

import (
	"net/http"
	"sync/atomic"
)

// Stats are the totals since the start, and what there is now.
type Stats struct {
	Active, Sessions, Streams     int // requests, destinations and streams, now
	Requests, Failed, Busy        uint64
	SessionsOpened, StreamsOpened uint64
	Ports                         int    // for datagrams, now
	PortsOpened                   uint64 // ever
	StreamBytesIn, StreamBytesOut uint64 // of streams that have ended, from and to peers
}

// counts are the totals that Stats tells.
type counts struct {
	active, streams, ports        atomic.Int64
	requests, failed, busy        atomic.Uint64
	sessionsOpened, streamsOpened atomic.Uint64
	portsOpened                   atomic.Uint64
	bytesIn, bytesOut             atomic.Uint64
}

// Stats returns the counts.
func (s *Server) Stats() Stats {
	c := &s.counts
	return Stats{
		Active: int(c.active.Load()), Sessions: s.sessions.len(), Streams: int(c.streams.Load()),
		Requests: c.requests.Load(), Failed: c.failed.Load(), Busy: c.busy.Load(),
		SessionsOpened: c.sessionsOpened.Load(), StreamsOpened: c.streamsOpened.Load(),
		Ports: int(c.ports.Load()), PortsOpened: c.portsOpened.Load(),
		StreamBytesIn: c.bytesIn.Load(), StreamBytesOut: c.bytesOut.Load(),
	}
}

// judged is an answer whose status is counted.
type judged struct {
	http.ResponseWriter
	counts *counts
}

// WriteHeader counts what is no success.
func (j judged) WriteHeader(status int) {
	if status >= http.StatusBadRequest {
		j.counts.failed.Add(1)
	}
	j.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (j judged) Unwrap() http.ResponseWriter { return j.ResponseWriter }
