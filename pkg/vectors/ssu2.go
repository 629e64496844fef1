package vectors

// SSU2 is all that one side's handshakes were told and what they said, with
// what that side draws pinned by a seed: whoever is given the same says the
// same.
type SSU2 struct {
	About      string      `json:"about"`
	Alice      bool        `json:"alice"` // the side is Alice
	Seed       Hex         `json:"seed"`  // of ChaCha8, from which the endpoint draws
	NetID      int         `json:"net_id"`
	Static     Hex         `json:"static_private"`
	Intro      Hex         `json:"intro_key"`
	RouterInfo Hex         `json:"router_info"`
	PeerInfo   Hex         `json:"peer_router_info"`       // which Alice dials
	Token      uint64      `json:"token,string,omitempty"` // that she has for it
	Hybrid     string      `json:"hybrid,omitempty"`       // with ML-KEM: what the side speaks, and the session has
	Steps      []SSU2Step  `json:"steps"`
	Keys       SSU2Keys    `json:"keys"`
	Data       []SSU2Frame `json:"data"`
}

// SSU2Step is something that came, or the time, and what was sent. A step
// without either is Alice's dialling.
type SSU2Step struct {
	Time int64  `json:"time"` // nanoseconds since 1970
	From string `json:"from,omitempty"`
	In   Hex    `json:"in,omitempty"`
	Tick bool   `json:"tick,omitempty"`
	Out  []Hex  `json:"out,omitempty"`
}

// SSU2Keys are the keys of the data phase, and the connection ids.
type SSU2Keys struct {
	LocalID       uint64 `json:"local_id,string"`
	RemoteID      uint64 `json:"remote_id,string"`
	Send          Hex    `json:"send"`
	SendHeader    Hex    `json:"send_header"`
	Receive       Hex    `json:"receive"`
	ReceiveHeader Hex    `json:"receive_header"`
}

// SSU2Frame is a packet of the data phase.
type SSU2Frame struct {
	Sent  bool `json:"sent"`
	Plain Hex  `json:"plaintext"`
	Bytes Hex  `json:"bytes"`
}
