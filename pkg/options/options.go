// Package options is what can be asked of a local destination: the options of
// I2CP and of the streaming library, by their documented names, and what they
// say as typed values.
//
// Table knows every documented name. Some of them this router obeys, some say
// nothing that applies to it, and some it cannot do yet: Parse tells each from
// the other, and from what nobody documented, and leaves it to its caller what
// to refuse. A tool refuses all of it; a door whose protocol says that unknown
// options are ignored takes what it got.
package options

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
	"i2ptoolkit/pkg/sign"
)

// The bounds of a pool of tunnels (I2CP overview, "Router-side Options").
const (
	MaxLength   = i2np.MaxBuildRecords - 1 // hops: of the records in a build one is the creator's
	MinQuantity = 1
	MaxQuantity = 16
)

// Options are what a destination's owner asks for.
type Options struct {
	Inbound, Outbound Tunnels

	Nickname    string // for lists; peers do not see it
	Unpublished bool   // the lease set is not in the netDb: peers get it with the first message
	Encryption  []i2p.EncryptionType
	Tags        Tags
	Services    map[string]string // records in the lease set's options (proposal 167)
	// Meta are the destinations that serve in this one's place: its lease set names them (proposal
	// 123, Meta LS2). None: it has tunnels of its own.
	Meta      []leaseset.MetaLease
	Signature sign.Type // of a transient destination's key
	Access    Access
	Blinding  Blinding
	Streaming Streaming
}

// Tags say how many session tags of ElGamal sessions are delivered at a time, and below which number more are. 0
// leaves it to the router.
type Tags struct{ Send, Low int }

// Tunnels say how many tunnels of which length a pool keeps.
type Tunnels struct {
	Length   int // hops
	Variance int // up to so many hops more, or if negative more or fewer
	Quantity int
	NoZero   bool // no tunnel may be without hops
}

// Access says whose streams are taken.
type Access struct {
	Rule  AccessRule
	Peers []i2p.Hash
}

// AccessRule says what an access list is.
type AccessRule uint8

// The rules. With both i2cp.enableAccessList and i2cp.enableBlackList the first holds.
const (
	Everybody AccessRule = iota
	OnlyListed
	NoneListed
)

// Allows tells whether streams of a peer are taken.
func (a Access) Allows(peer i2p.Hash) bool {
	switch a.Rule {
	case OnlyListed:
		return slices.Contains(a.Peers, peer)
	case NoneListed:
		return !slices.Contains(a.Peers, peer)
	}
	return true
}

// Streaming are the options of the streaming library. Zero fields leave it to
// the router, as far as no other meaning is named.
type Streaming struct {
	InactivityAction  InactivityAction
	InactivityTimeout time.Duration
	ConnectTimeout    time.Duration // 0: as long as the caller waits
	InitialRTO        time.Duration
	WriteBuffer       int  // bytes
	MTU               int  // bytes
	MaxWindow         int  // packets
	Silent            bool // pings go unanswered
	Limits            Limits
}

// Limits bound what peers can open. 0 is the router's limit for Streams, and none elsewhere.
type Limits struct {
	Streams        int // in and out together; negative: none
	PeerPerMinute  int
	PeerPerHour    int
	PeerPerDay     int
	TotalPerMinute int
	TotalPerHour   int
	TotalPerDay    int
	Reset          bool // what goes beyond is answered with a reset, else dropped
}

// InactivityAction is what becomes of a stream on which nothing is said.
type InactivityAction int

// What i2p.streaming.inactivityAction can say (streaming library, "Options and Defaults").
const (
	InactivityNothing InactivityAction = iota
	InactivityDisconnect
	InactivitySend
)

// Default is what holds where nothing is asked for.
func Default() Options {
	pool := Tunnels{Length: 3, Quantity: 3}
	return Options{
		Inbound: pool, Outbound: pool,
		Encryption: []i2p.EncryptionType{i2p.CryptoMLKEM768X25519, i2p.CryptoX25519},
		Signature:  sign.EdDSA_SHA512_Ed25519,
		Streaming:  Streaming{InactivityAction: InactivitySend, InactivityTimeout: 90 * time.Second},
	}
}

// Equal tells whether the same is asked for.
func (o Options) Equal(p Options) bool {
	return o.Inbound == p.Inbound && o.Outbound == p.Outbound && o.Nickname == p.Nickname &&
		o.Unpublished == p.Unpublished && maps.Equal(o.Services, p.Services) && slices.Equal(o.Meta, p.Meta) && o.Blinding == p.Blinding && o.SameEngines(p)
}

// SameEngines tells whether a destination with the one options can go on with the others
// without a new beginning: what lasts as long as its sessions and streams is the same.
func (o Options) SameEngines(p Options) bool {
	return slices.Equal(o.Encryption, p.Encryption) && o.Tags == p.Tags && o.Signature == p.Signature &&
		(len(o.Meta) > 0) == (len(p.Meta) > 0) && o.Blinding.Own == p.Blinding.Own && o.Blinding.Secret == p.Blinding.Secret && // a lease set that all can read is not taken back at once
		o.Access.Rule == p.Access.Rule && slices.Equal(o.Access.Peers, p.Access.Peers) && o.Streaming == p.Streaming
}

// Kind is what there is to say of an option.
type Kind uint8

// The kinds of problems.
const (
	Unknown     Kind = iota + 1 // no such option is documented
	Invalid                     // the value is none that the option has
	Unsupported                 // documented, and this router does not do it
	Moot                        // documented, and it says nothing that would apply here
)

// Problem is an option that changed nothing.
type Problem struct {
	Kind Kind
	Name string
	Text string // what is wrong with it, without the name
}

func (p Problem) Error() string {
	if p.Kind != Unknown {
		return p.Name + ": " + p.Text
	}
	if meant := similar(p.Name); meant != "" {
		return fmt.Sprintf("%s is no option: did you mean %s?", p.Name, meant)
	}
	return p.Name + " is no option"
}

// Problems are in the order of the options' names. As an error they are all told.
type Problems []Problem

func (ps Problems) Error() string {
	var all []string
	for _, p := range ps {
		all = append(all, p.Error())
	}
	return strings.Join(all, "; ")
}

// But leaves the problems of other kinds out.
func (ps Problems) But(kinds ...Kind) Problems {
	return slices.DeleteFunc(slices.Clone(ps), func(p Problem) bool { return slices.Contains(kinds, p.Kind) })
}

// Err is nil where there are no problems.
func (ps Problems) Err() error {
	if len(ps) == 0 {
		return nil
	}
	return ps
}

// Parse lays named options over others. What it cannot take changes nothing, and is told.
// Names are case-sensitive (I2CP overview, "Client-side Options").
func Parse(over Options, named map[string]string) (Options, Problems) {
	r := reading{Options: over, meta: len(over.Meta) > 0}
	var problems Problems
	table := Table()
	for _, name := range slices.Sorted(maps.Keys(named)) {
		option := find(table, name)
		if option == nil {
			problems = append(problems, Problem{Kind: Unknown, Name: name})
			continue
		}
		if p := option.apply(&r, name, named[name]); p != nil {
			p.Name = name
			problems = append(problems, *p)
		}
	}
	problems = append(problems, r.settle()...)
	return r.Options, problems
}

// reading is what options say as they are read.
type reading struct {
	Options
	only, none bool // i2cp.enableAccessList, i2cp.enableBlackList
	cleared    bool // Services are the reading's own
	meta       bool // i2cp.leaseSetType is 7
	named      []leaseset.MetaLease
	dh, psk    string
}

// settle draws the conclusions that take more than one option.
func (r *reading) settle() (problems Problems) {
	switch {
	case r.only:
		r.Access.Rule = OnlyListed
	case r.none:
		r.Access.Rule = NoneListed
	}
	for _, pool := range []struct {
		name string
		Tunnels
	}{{"inbound", r.Inbound}, {"outbound", r.Outbound}} {
		if pool.NoZero && pool.Length+min(pool.Variance, 0) <= 0 {
			problems = append(problems, Problem{
				Kind: Invalid, Name: pool.name + ".allowZeroHop",
				Text: fmt.Sprintf("a length of %d with a variance of %d allows it", pool.Length, pool.Variance),
			})
		}
	}
	problems = append(problems, r.settleMeta()...)
	return append(problems, r.settleBlinding()...)
}
