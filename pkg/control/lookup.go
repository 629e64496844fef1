package control

import "time"

// The kinds of Record.
const (
	KindRouterInfo = "routerinfo"
	KindLeaseSet   = "leaseset"
)

// Record is one netDb entry with the exact bytes that were signed; the reader parses and
// verifies them itself.
type Record struct {
	Kind string `json:"kind"`
	Hash string `json:"hash"` // the key under which it is stored, I2P base64
	// StoreType is the DatabaseStore type: 0 RouterInfo, 1 LeaseSet, 3 LeaseSet2,
	// 5 EncryptedLeaseSet, 7 MetaLeaseSet.
	StoreType byte   `json:"store_type"`
	Data      []byte `json:"data"`
	// Proven tells that the router was reached at an address that it publishes, and has served.
	Proven bool `json:"proven,omitempty"`
}

// Lookup is the body of POST /v1/lookup, whose answer is a Record, and of POST /v1/trace, whose
// answer is a Trace.
type Lookup struct {
	Kind          string `json:"kind"` // KindRouterInfo or KindLeaseSet
	Hash          string `json:"hash"` // I2P base64
	TimeoutMillis int64  `json:"timeout_ms,omitempty"`
}

// Trace is how a lookup went, whether it found the entry or not.
type Trace struct {
	Kind string    `json:"kind"`
	Hash string    `json:"hash"`
	Time time.Time `json:"time"` // when it began
	// RoutingKey is where the entry lies on that day (UTC): who is closest to it keeps it.
	RoutingKey string `json:"routing_key"`
	TookMillis int64  `json:"took_ms"`
	Asked      []Step `json:"asked"`
	// Source says where the entry comes from: SourceFloodfill or SourceStore.
	Source string  `json:"source,omitempty"`
	Record *Record `json:"record,omitempty"`
	Error  *Error  `json:"error,omitempty"` // where there is no Record
}

// Where an entry comes from.
const (
	SourceFloodfill = "floodfill" // one of those that were asked
	SourceStore     = "store"     // no floodfill gave it, but the router has it
)

// Step is that one floodfill was asked. One that does not answer may be asked again.
type Step struct {
	Floodfill   string `json:"floodfill"`
	SharedBits  int    `json:"shared_bits"` // how many leading bits of its hash are those of the routing key
	AfterMillis int64  `json:"after_ms"`    // since the lookup began
	Answer      string `json:"answer"`
	TookMillis  int64  `json:"took_ms,omitempty"` // until the answer
	Named       int    `json:"named,omitempty"`   // others, with AnswerNamed
	New         int    `json:"new,omitempty"`     // of those, who were not known
}

// What a floodfill answered.
const (
	AnswerGave    = "gave"    // the entry
	AnswerPerhaps = "perhaps" // the entry came while this one and others had not answered: it does not say who sent it
	AnswerNamed   = "named"   // others: it does not have the entry
	AnswerNone    = "none"    // nothing, as long as it was waited for
	AnswerPending = "pending" // nothing until the lookup ended, which was soon
	AnswerUnsent  = "unsent"  // it could not be asked
)
