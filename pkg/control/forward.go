package control

import (
	"slices"
	"time"

	"i2ptoolkit/pkg/forward/plan"
)

// ForwardState is how a forward is.
type ForwardState string

// The states of a forward.
const (
	ForwardStopped ForwardState = "stopped" // its plan says so
	ForwardOpening ForwardState = "opening" // tunnels are being built, or its lease set published
	ForwardReady   ForwardState = "ready"
	// ForwardNoTunnels is a forward whose tunnels have gone since it was ready, and are being built anew. Error
	// says why there are none, where that is known.
	ForwardNoTunnels ForwardState = "no_tunnels"
	ForwardIdle      ForwardState = "idle"   // it has no tunnels before somebody connects
	ForwardFailed    ForwardState = "failed" // Error says why; it is tried again
)

// Forward is one entry of the answer of GET /v1/forwards, sorted by name.
type Forward struct {
	Name         string       `json:"name"`
	Type         plan.Type    `json:"type"`
	State        ForwardState `json:"state"`
	Error        string       `json:"error,omitempty"`
	Foreground   bool         `json:"foreground,omitempty"`   // it ends with the command that runs it
	Listen       string       `json:"listen,omitempty"`       // of this machine, as bound
	Address      string       `json:"address,omitempty"`      // in I2P, b32 or b33
	Destinations []string     `json:"destinations,omitempty"` // where it goes in I2P
	Targets      []string     `json:"targets,omitempty"`      // where it goes on this machine
	Share        string       `json:"share,omitempty"`
	Streams      int          `json:"streams"` // now
	Opened       uint64       `json:"opened"`  // streams ever
	Refused      uint64       `json:"refused"` // by a limit or an access list
	Failed       uint64       `json:"failed"`  // the peer or the target could not be reached
	BytesIn      uint64       `json:"bytes_in"`
	BytesOut     uint64       `json:"bytes_out"`
	RateIn       uint64       `json:"rate_in"` // bytes a second, over the last seconds
	RateOut      uint64       `json:"rate_out"`
	Since        time.Time    `json:"since"` // when it became what it is
	// KeyExpires is when the transient key of its destination does, whose own is kept offline.
	KeyExpires *time.Time `json:"key_expires,omitempty"`
}

// ApplyForwards is the body of POST /v1/forwards: these are to be all forwards that there are, but for those
// of the foreground. The answer is an AppliedForwards.
type ApplyForwards struct {
	Plans []plan.Plan `json:"plans"`
	// Keys are private key files to be taken into the data directory first, by the names that plans
	// have for them. None is replaced: where there is another of its name, its plans fail.
	Keys map[string][]byte `json:"keys,omitempty"`
	Add  bool              `json:"add,omitempty"` // others stay
	// Keep are the names of others that stay. Those of which nobody knows what they are called ("") have all stay.
	Keep []string `json:"keep,omitempty"`
	Dry  bool     `json:"dry,omitempty"` // nothing is done, and only said what would be
}

// Has tells whether a forward is among those asked for.
func (a ApplyForwards) Has(name string) bool {
	return slices.ContainsFunc(a.Plans, func(p plan.Plan) bool { return p.Name == name })
}

// Stays tells whether one that is not stays all the same.
func (a ApplyForwards) Stays(name string) bool {
	return a.Add || slices.Contains(a.Keep, name) || slices.Contains(a.Keep, "")
}

// AppliedForwards says what became of each forward, by name and in order.
type AppliedForwards struct {
	Added   []string          `json:"added"`
	Changed []string          `json:"changed"` // in place where that could be, else ended and begun anew
	Removed []string          `json:"removed"`
	Kept    []string          `json:"kept"`
	Failed  map[string]string `json:"failed,omitempty"` // could not be done, and why
}
