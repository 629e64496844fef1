package control

// Finding is one thing that was looked at to see whether a router can do its work.
type Finding struct {
	Check  string       `json:"check"` // clock, reachability, …
	Level  FindingLevel `json:"level"`
	Text   string       `json:"text"`             // what is
	Advice string       `json:"advice,omitempty"` // what to do
}

// FindingLevel is how bad it is.
type FindingLevel string

// The levels.
const (
	FindingOK      FindingLevel = "ok"
	FindingNote    FindingLevel = "note"    // not known yet, or could be better
	FindingProblem FindingLevel = "problem" // something is to be done
)
