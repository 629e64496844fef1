package bob

// Stats count what a Server did.
type Stats struct {
	Tunnels int // that have a nickname
	Active  int // of these
	Streams int // now

	Started uint64 // tunnels
	Failed  uint64 // streams that led nowhere
	Refused Refused
}

// Refused are counts of what was refused, by the reason.
type Refused struct {
	Tunnels   uint64 // there are too many nicknames
	Streams   uint64 // too many of one tunnel
	Addresses uint64 // nobody said in time, or in few enough bytes, whom he wants
	Lines     uint64 // commands that are too long
	HTTP      uint64 // connections of browsers
}

func (s *Server) count(f func(*Stats)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(&s.counts)
}

// Stats returns the counts.
func (s *Server) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.counts
	st.Tunnels = len(s.tunnels)
	for _, t := range s.tunnels {
		if t.state != stopped {
			st.Active++
		}
	}
	return st
}
