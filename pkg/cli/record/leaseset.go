package record

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"i2ptoolkit/pkg/cli"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
)

// States of an entry, as State has them.
const (
	Valid        = "valid"
	BadSignature = "bad signature"
)

// LeaseSet is a lease set of any kind as JSON.
type LeaseSet struct {
	Kind            string            `json:"kind"` // leaseset
	Type            string            `json:"type"` // LeaseSet, LeaseSet2, EncryptedLeaseSet, MetaLeaseSet
	Hash            string            `json:"hash"`
	B32             string            `json:"b32,omitempty"`
	Destination     string            `json:"destination,omitempty"`
	State           string            `json:"state"` // valid, expired, bad dates, bad signature
	Published       time.Time         `json:"published"`
	Expires         time.Time         `json:"expires"`
	Unpublished     bool              `json:"unpublished,omitempty"`
	Blinded         bool              `json:"blinded,omitempty"`
	OfflineExpires  *time.Time        `json:"offline_expires,omitempty"`
	EncryptionTypes []string          `json:"encryption_types"`
	Leases          []Lease           `json:"leases"`
	Meta            []MetaLease       `json:"meta,omitempty"`    // of a MetaLeaseSet
	Revoked         []string          `json:"revoked,omitempty"` // those that it names no more
	Options         map[string]string `json:"options,omitempty"`
	Services        []Service         `json:"services,omitempty"` // of the options, those that are service records
	Bytes           int               `json:"bytes"`
}

// Lease is a tunnel.
type Lease struct {
	Gateway string    `json:"gateway"`
	Tunnel  uint32    `json:"tunnel,omitempty"`
	Expires time.Time `json:"expires"`
}

// Service is a service record.
type Service struct {
	Service  string `json:"service"` // _smtp._tcp
	Target   string `json:"target"`  // who offers it
	Self     bool   `json:"self"`    // the destination itself does
	Port     uint16 `json:"port"`
	Priority uint16 `json:"priority"`
	Weight   uint16 `json:"weight"`
	TTL      uint32 `json:"ttl"`
	App      string `json:"app,omitempty"`
}

// String is a record in one line.
func (s Service) String() string {
	text := fmt.Sprintf("%s at %s port %d priority %d weight %d for %d s", s.Service, s.Target, s.Port, s.Priority, s.Weight, s.TTL)
	if s.Self {
		text = fmt.Sprintf("%s here, port %d for %d s", s.Service, s.Port, s.TTL)
	}
	if s.App != "" {
		text += " " + strconv.Quote(s.App)
	}
	return text
}

// OfServices describes the records of a service of a destination.
func OfServices(service string, of i2p.Hash, all []leaseset.Service) (shown []Service) {
	for _, s := range all {
		if s.Self {
			s.Target = of.B32()
		}
		shown = append(shown, Service{service, s.Target, s.Self, s.Port, s.Priority, s.Weight, s.TTL, s.App})
	}
	return shown
}

// MetaLease is a destination that serves in another's place.
type MetaLease struct {
	Hash    string    `json:"hash"`
	B32     string    `json:"b32"`
	Type    string    `json:"type"` // of its lease set, or unknown
	Cost    int       `json:"cost"`
	Expires time.Time `json:"expires"`
}

// Verdict is the short of it: whose it is, its state, and whether it is signed well.
func (l LeaseSet) Verdict() (hash, state string, signed bool) {
	return l.Hash, l.State, l.State != BadSignature
}

// OfLeaseSet describes a lease set as it is at a time.
func OfLeaseSet(set leaseset.Record, now time.Time) LeaseSet {
	l := LeaseSet{
		Kind: "leaseset", Type: typeName(set.StoreType()), Hash: set.Hash().String(),
		State:     stateOf(set, now),
		Published: set.Published().Time(), Expires: set.Expires().Time(),
		EncryptionTypes: []string{}, Leases: []Lease{}, Bytes: len(set.Bytes()),
	}
	if s, ok := set.(interface { // all but the encrypted ones
		Destination() i2p.Destination
		Options() i2p.Mapping
	}); ok {
		dest := s.Destination()
		l.Destination, l.B32, l.Options = dest.Base64(), dest.B32(), mapOf(s.Options())
		for _, o := range s.Options() {
			if leaseset.CheckServiceName(o.Key) != nil {
				continue
			}
			if all, err := leaseset.ParseServices(o.Value); err == nil {
				l.Services = append(l.Services, OfServices(o.Key, dest.Hash(), all)...)
			}
		}
	}
	if h, ok := set.(interface {
		Unpublished() bool
		Blinded() bool
		Offline() *i2p.OfflineSignature
	}); ok {
		l.Unpublished, l.Blinded = h.Unpublished(), h.Blinded()
		if o := h.Offline(); o != nil {
			until := time.Unix(int64(o.Expires), 0).UTC()
			l.OfflineExpires = &until
		}
	}
	switch set := set.(type) {
	case leaseset.Set:
		for _, k := range set.EncryptionKeys() {
			l.EncryptionTypes = append(l.EncryptionTypes, k.Type.String())
		}
		for _, lease := range set.Leases() {
			l.Leases = append(l.Leases, Lease{lease.Gateway.String(), lease.TunnelID, lease.Expires.Time()})
		}
	case *leaseset.MetaLeaseSet:
		for _, m := range set.MetaLeases() {
			kind := "unknown"
			if m.Type != 0 {
				kind = typeName(m.Type)
			}
			l.Meta = append(l.Meta, MetaLease{m.Hash.String(), m.Hash.B32(), kind, int(m.Cost), m.Expires.Time()})
		}
		for _, h := range set.Revoked() {
			l.Revoked = append(l.Revoked, h.String())
		}
	}
	return l
}

// stateOf checks the signature as of the set's own time, so that an expired set with a good
// signature can be told from a forged one.
func stateOf(set leaseset.Record, now time.Time) string {
	err := set.Verify(set.Published().Time())
	switch {
	case errors.Is(err, leaseset.ErrSignature):
		return BadSignature
	case err != nil:
		return "bad dates"
	case now.After(set.Expires().Time()):
		return "expired"
	}
	return Valid
}

// Print prints the description.
func (l LeaseSet) Print(w io.Writer) error {
	t := cli.NewTable(w)
	row := t.Rowf
	row("leaseset", "%s", l.Hash)
	row("type", "%s", l.Type)
	if l.B32 != "" {
		row("b32", "%s", l.B32)
	}
	row("state", "%s", l.State)
	row("published", "%s", l.Published.Format(time.RFC3339))
	row("expires", "%s", l.Expires.Format(time.RFC3339))
	if l.Unpublished {
		row("flag", "unpublished")
	}
	if l.Blinded {
		row("flag", "blinded when published")
	}
	if l.OfflineExpires != nil {
		row("offline key", "until %s", l.OfflineExpires.Format(time.RFC3339))
	}
	for _, e := range l.EncryptionTypes {
		row("encryption", "%s", e)
	}
	for _, lease := range l.Leases {
		row("lease", "%s tunnel %d until %s", lease.Gateway, lease.Tunnel, lease.Expires.Format(time.RFC3339))
	}
	for _, m := range l.Meta {
		row("served by", "%s cost %d type %s until %s", m.B32, m.Cost, m.Type, m.Expires.Format(time.RFC3339))
	}
	for _, h := range l.Revoked {
		row("revoked", "%s", h)
	}
	for _, s := range l.Services {
		row("service", "%s", s)
	}
	if len(l.Options) > 0 {
		row("options", "%s", optionText(l.Options))
	}
	row("bytes", "%d", l.Bytes)
	return t.Flush()
}

func typeName(t byte) string {
	switch t {
	case leaseset.TypeLeaseSet:
		return "LeaseSet"
	case leaseset.TypeLeaseSet2:
		return "LeaseSet2"
	case leaseset.TypeEncryptedLeaseSet:
		return "EncryptedLeaseSet"
	case leaseset.TypeMetaLeaseSet:
		return "MetaLeaseSet"
	}
	return strconv.Itoa(int(t))
}

func mapOf(m i2p.Mapping) map[string]string {
	if len(m) == 0 {
		return nil
	}
	out := make(map[string]string, len(m))
	for _, p := range m {
		out[p.Key] = p.Value
	}
	return out
}
