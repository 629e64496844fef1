package client

import "slices"

// ways are our tunnels.
type ways struct {
	state TunnelState
	came  uint32 // an outbound tunnel that has come since the last turn
}

// change takes what stands now.
func (w *ways) change(s TunnelState) {
	for _, id := range s.Outbound {
		if !slices.Contains(w.state.Outbound, id) {
			w.came = id
		}
	}
	w.state = s
}

// stand reports that there are tunnels both ways.
func (w *ways) stand() bool { return len(w.state.Leases) > 0 && len(w.state.Outbound) > 0 }
