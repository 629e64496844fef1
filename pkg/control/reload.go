package control

import "slices"

// Holds is when a setting that a reload found changed holds.
type Holds string

// When a changed setting holds.
const (
	HoldsNow        Holds = "now"
	HoldsWhenOpened Holds = "new_destinations" // for those that are opened from now on
	HoldsNextStart  Holds = "next_start"
)

// Reloaded is the answer of POST /v1/reload.
type Reloaded struct {
	Changed []Change `json:"changed"` // in the order of the configuration file
	// Failed are the forwards that are not what their file says now, and why. What ran by their names does so still.
	Failed map[string]string `json:"failed,omitempty"`
	// Shut are the doors that are not open where they are to be, and why. The router tries again every few seconds.
	Shut map[string]string `json:"shut,omitempty"`
}

// Change is a setting whose value differs from the one that the router had.
type Change struct {
	Key   string `json:"key"` // with its table: "bandwidth.in"
	Holds Holds  `json:"holds"`
}

// Keys are those that hold at one of these times.
func (r Reloaded) Keys(when ...Holds) (keys []string) {
	for _, c := range r.Changed {
		if slices.Contains(when, c.Holds) {
			keys = append(keys, c.Key)
		}
	}
	return keys
}
