package control

import "time"

// Door is one of the router's servers for applications (GET /v1/doors).
type Door struct {
	Name        string       `json:"name"`
	Enabled     bool         `json:"enabled"`
	Listen      []string     `json:"listen"` // where it is open now, "127.0.0.1:7656" or "unix:/path"
	TLS         bool         `json:"tls"`
	Auth        bool         `json:"auth"`
	Error       string       `json:"error,omitempty"` // why it is not open where it is to be
	Connections int          `json:"connections"`
	Clients     []DoorClient `json:"clients"` // the first MaxDoorClients of them, by their age
}

// MaxDoorClients is how many connections of a door are listed: those with sessions come first.
const MaxDoorClients = 1000

// DoorClient is one connection.
type DoorClient struct {
	Address  string        `json:"address"`
	User     string        `json:"user,omitempty"`
	Since    time.Time     `json:"since"`
	Doing    string        `json:"doing,omitempty"` // what it is for: "stream out"; empty: it has said nothing yet
	Sessions []DoorSession `json:"sessions"`
}

// DoorSession is a session that lasts as long as its client's connection.
type DoorSession struct {
	ID    string    `json:"id"`
	Style string    `json:"style"`
	B32   string    `json:"b32"`
	Since time.Time `json:"since"`
}
