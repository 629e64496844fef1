package control

import "time"

// Name is an entry of an address book, and the answer of POST /v1/names/lookup.
type Name struct {
	Name        string `json:"name"`
	Book        string `json:"book"`
	Destination string `json:"destination"` // I2P base64
	B32         string `json:"b32"`
}

// LookUpName is the body of POST /v1/names/lookup.
type LookUpName struct {
	Name string `json:"name"`
}

// ReverseName is the body of POST /v1/names/reverse, whose answer is a list of Name.
type ReverseName struct {
	Hash string `json:"hash"` // of a destination, I2P base64
}

// AddName is the body of PUT /v1/names, whose answer is the Name.
type AddName struct {
	Book        string `json:"book"`
	Name        string `json:"name"`
	Destination string `json:"destination"` // I2P base64
	Replace     bool   `json:"replace,omitempty"`
}

// RemoveName is the body of DELETE /v1/names.
type RemoveName struct {
	Book string `json:"book"`
	Name string `json:"name"`
}

// PathImport is where lines are imported. Its requests may be as large as MaxImport.
const (
	PathImport = "/v1/names/import"
	MaxImport  = 4 << 20
)

// ImportNames is the body of POST /v1/names/import, whose answer is a NamesReport.
type ImportNames struct {
	Book    string `json:"book"`
	Text    string `json:"text"` // whole lines
	Replace bool   `json:"replace,omitempty"`
}

// NamesReport says what became of lines that a file or a feed has.
type NamesReport struct {
	Lines     int          `json:"lines"`
	Added     int          `json:"added"`
	Changed   int          `json:"changed"`
	Updated   int          `json:"updated"`
	Removed   int          `json:"removed"`
	Known     int          `json:"known"`
	Conflicts int          `json:"conflicts"`
	Replayed  int          `json:"replayed"`
	Forged    int          `json:"forged"`
	Unsigned  int          `json:"unsigned"`
	Invalid   int          `json:"invalid"`
	Expired   int          `json:"expired"`
	Full      int          `json:"full"`
	Changes   []NameChange `json:"changes,omitempty"`
	Examples  []string     `json:"examples,omitempty"` // lines that were refused, and why
}

// Refused is how many lines were of no effect for what they are.
func (r NamesReport) Refused() int {
	return r.Conflicts + r.Replayed + r.Forged + r.Unsigned + r.Invalid + r.Expired + r.Full
}

// Sum is what two reports tell together.
func (r NamesReport) Sum(o NamesReport) NamesReport {
	r.Lines += o.Lines
	r.Added += o.Added
	r.Changed += o.Changed
	r.Updated += o.Updated
	r.Removed += o.Removed
	r.Known += o.Known
	r.Conflicts += o.Conflicts
	r.Replayed += o.Replayed
	r.Forged += o.Forged
	r.Unsigned += o.Unsigned
	r.Invalid += o.Invalid
	r.Expired += o.Expired
	r.Full += o.Full
	r.Changes = append(r.Changes, o.Changes...)
	if len(r.Examples) == 0 {
		r.Examples = o.Examples
	}
	return r
}

// NameChange is that a name means something else.
type NameChange struct {
	Name   string `json:"name"`
	Action string `json:"action,omitempty"` // the command; empty: the owner
	Old    string `json:"old,omitempty"`    // b32
	New    string `json:"new,omitempty"`
}

// Feed is a subscription, of which GET /v1/feeds gives a list, and POST and DELETE take the URL.
type Feed struct {
	URL      string    `json:"url"`
	Checked  time.Time `json:"checked,omitzero"` // the last answer
	Next     time.Time `json:"next,omitzero"`
	Failures int       `json:"failures,omitempty"` // since then
	Problem  string    `json:"problem,omitempty"`
}

// FeedURL is the body of POST and DELETE /v1/feeds.
type FeedURL struct {
	URL string `json:"url"`
}

// UpdateFeeds is the body of POST /v1/feeds/update: none are all. The answer is a FeedUpdate a line.
type UpdateFeeds struct {
	URLs  []string `json:"urls,omitempty"`
	Again bool     `json:"again,omitempty"` // though nothing has changed
}

// FeedUpdate is what asking for a feed gave.
type FeedUpdate struct {
	URL       string      `json:"url"`
	Unchanged bool        `json:"unchanged,omitempty"`
	Error     *Error      `json:"error,omitempty"`
	Report    NamesReport `json:"report"`
}
