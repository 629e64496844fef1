// Package tunnel is the tunnel layer without its I/O: it builds tunnels and
// answers build requests, moves messages through them at every kind of hop,
// and decides when which tunnel is to be built.
//
// A tunnel's life, and the types that hold it:
//
//	creator   Build      --ShortTunnelBuild-->  Request  hop, answers with a code
//	          HandleReply <--reply, or the last hop's message--
//	          Outbound   --TunnelData-->  Participant  --TunnelData-->  Endpoint
//	          Inbound   <--TunnelData--   Participant <--TunnelData--   Gateway
//
// A Batch does the work of many hops together, which is faster. Pool holds a
// destination's tunnels, and says when to build, test and drop them. Garlic
// wrapping is not done here: Build and Request name the keys for it.
//
// No type here is safe for concurrent use, except ReplayFilter and Budget:
// each tunnel has one owner, and those that count in one EndpointStats have the
// same.
package tunnel

import (
	"time"

	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
)

// Lifetime is how long a tunnel lives; no other value is in use.
const Lifetime = 10 * time.Minute

// MaxHops is the largest number of hops: of the eight records in a build
// message an inbound tunnel needs one for its creator.
const MaxHops = i2np.MaxBuildRecords - 1

// How far ahead the messages made here expire, at most (i2np.Expiration).
const (
	dataExpiration  = 10 * time.Second
	buildExpiration = 30 * time.Second
)

// Out is a message that an engine wants sent to a router. The receiver of an
// Out owns its message.
type Out struct {
	To      i2p.Hash
	Message i2np.Message
}
