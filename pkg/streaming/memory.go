package streaming

// memory lends the buffers of packets, and counts what all streams of a Mux keep.
type memory struct {
	size     int // of a buffer
	free     [][]byte
	received pool
	unacked  int // bytes of buffers that wait for acknowledgement
}

const maxFree = 4096

// get lends a buffer of length 0, put takes it back.
func (m *memory) get() []byte {
	if n := len(m.free); n > 0 {
		b := m.free[n-1]
		m.free = m.free[:n-1]
		return b[:0]
	}
	return make([]byte, 0, m.size)
}

func (m *memory) put(b []byte) {
	if cap(b) >= m.size && cap(b) <= 2*eciesMTU && len(m.free) < maxFree {
		m.free = append(m.free, b)
	}
}

// getUnacked lends a buffer for a packet that is to be sent, and putUnacked takes it back.
func (m *memory) getUnacked() []byte {
	m.unacked += m.size
	return m.get()
}

func (m *memory) putUnacked(b []byte) {
	if b != nil {
		m.unacked -= m.size
		m.put(b)
	}
}
