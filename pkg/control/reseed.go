package control

import "time"

// ReseedState is where a router stands with finding its first peers.
type ReseedState string

// The states of a reseed.
const (
	ReseedOff     ReseedState = "off"     // it never reseeds by itself
	ReseedEnough  ReseedState = "enough"  // enough routers are known
	ReseedRunning ReseedState = "running" // servers are being asked
	ReseedWaiting ReseedState = "waiting" // too few routers are known: it is tried again at Next
)

// Reseed is how a router's search for its first peers goes.
type Reseed struct {
	State   ReseedState    `json:"state"`
	Reason  string         `json:"reason"`  // one line: what came of the last try, or why there is none
	Reached bool           `json:"reached"` // at the last try, a server answered or a file was read
	Last    time.Time      `json:"last,omitzero"`
	Next    time.Time      `json:"next,omitzero"` // not before, and only while too few routers are known
	Learned int            `json:"learned"`       // RouterInfos that the last try gave
	Servers []ReseedServer `json:"servers"`       // of the last try
}

// ReseedServer is what came of asking one reseed server, or of reading one file.
type ReseedServer struct {
	Server   string         `json:"server"`
	Result   string         `json:"result"` // "ok", or a word for what went wrong
	Reason   string         `json:"reason"`
	Status   int            `json:"status,omitempty"` // of HTTP; 0: there was no answer
	Bytes    int64          `json:"bytes"`
	Found    int            `json:"found"`    // RouterInfos
	Accepted int            `json:"accepted"` // of these
	New      int            `json:"new"`      // of the accepted: those that no server had given before
	Rejected map[string]int `json:"rejected,omitempty"`
	Signer   string         `json:"signer,omitempty"`
	Made     time.Time      `json:"made,omitzero"`

	AgeSeconds     int64     `json:"age_seconds,omitempty"`
	ServerTime     time.Time `json:"server_time,omitzero"`           // by the server's clock, where it told
	AheadSeconds   int64     `json:"server_ahead_seconds,omitempty"` // of ours
	DurationMillis int64     `json:"duration_ms"`
}

// ReseedNow is the body of POST /v1/reseed; the answer is a Reseed.
type ReseedNow struct {
	// Sources are URLs of servers, and absolute paths of files and directories; empty: those
	// of the router's configuration.
	Sources []string `json:"sources,omitempty"`
}
