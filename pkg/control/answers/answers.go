// Package answers says how a router is, in the words of the control API: it asks
// the router's parts, and changes nothing.
package answers

import (
	"context"
	"net/netip"
	"time"

	"i2ptoolkit/pkg/config"
	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/portmap"
	"i2ptoolkit/pkg/reseed/join"
	"i2ptoolkit/pkg/router"
	"i2ptoolkit/pkg/routerinfo"
	"i2ptoolkit/pkg/transport"
)

// Config is whom to ask.
type Config struct {
	Router    *router.Router
	Transport *transport.Transport
	Joiner    *join.Joiner
	Hub       *Hub
	Now       func() time.Time
	Started   time.Time
	Settings  func() config.Config
	Info      func() *routerinfo.RouterInfo // that is published; nil where there is none yet
	Mapper    *portmap.Mapper               // nil: no gateway is asked
	Local     func() []netip.Addr           // the machine's addresses
	Doors     func() []control.Door
	// Standing says what the router alone knows of itself: who it is and how its
	// start and its end go.
	Standing func() Standing
}

// Standing is where a router stands.
type Standing struct {
	Hash         string
	Caps         string // that it would publish now
	Floodfill    bool
	FloodfillWhy string
	AddressLost  string // how what is published differs from the settings
	LogLevel     string
	Loaded       bool // the netDb has been read
	Stopping     bool
}

// Answers are what a router says of itself. Its methods may be called from any
// goroutine.
type Answers struct {
	cfg   Config
	rates rates
}

// New makes the answers of a router.
func New(cfg Config) *Answers { return &Answers{cfg: cfg} }

// Events subscribes to what the hub publishes.
func (a *Answers) Events(ctx context.Context) <-chan control.Event { return a.cfg.Hub.subscribe(ctx) }
