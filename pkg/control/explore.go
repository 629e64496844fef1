package control

// MaxSearches is how many one Explore may ask for.
const MaxSearches = 16

// Explore is the body of POST /v1/explore, whose answer is an Explored.
type Explore struct {
	Searches      int   `json:"searches"` // 1 to MaxSearches
	TimeoutMillis int64 `json:"timeout_ms,omitempty"`
}

// Explored is what came of looking for routers that are not known.
type Explored struct {
	Searches   []Search `json:"searches"`
	Learned    int      `json:"learned"` // by all of them
	Known      int      `json:"known"`   // routers, at the end
	TookMillis int64    `json:"took_ms"`
}

// Search is one exploration: who is near a random key.
type Search struct {
	Key     string   `json:"key"`
	Asked   []Step   `json:"asked"`
	Learned []string `json:"learned,omitempty"` // routers whose RouterInfos were had
	Lost    []string `json:"lost,omitempty"`    // routers that were named, and not found
	Error   *Error   `json:"error,omitempty"`
}
