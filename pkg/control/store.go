package control

// MaxCopies is at how many floodfills a Store may want an entry.
const MaxCopies = 4

// Store is the body of POST /v1/store, whose answer is a Stored: an entry of any router or
// destination, with the exact bytes that it signed.
type Store struct {
	StoreType     byte   `json:"store_type"` // as of Record
	Data          []byte `json:"data"`
	Copies        int    `json:"copies"` // floodfills that are to confirm it, 1 to MaxCopies
	TimeoutMillis int64  `json:"timeout_ms,omitempty"`
}

// Stored is how that went: whom the entry was sent to, and whether others have it then.
type Stored struct {
	Kind       string `json:"kind"`
	Hash       string `json:"hash"`
	RoutingKey string `json:"routing_key"`
	TookMillis int64  `json:"took_ms"`
	Sent       []Step `json:"sent"` // AnswerTook is a floodfill that has confirmed it
	Taken      int    `json:"taken"`
	// Error says why nobody has taken it.
	Error *Error `json:"error,omitempty"`
	// Check is the lookup of it at other floodfills, where one has taken it.
	Check *Trace `json:"check,omitempty"`
}

// AnswerTook is what a floodfill answers that confirms a store.
const AnswerTook = "took"
