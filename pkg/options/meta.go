package options

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
)

// publishedOptions say what kind of lease set a destination has.
func publishedOptions() []Option {
	return []Option{
		{Name: "i2cp.leaseSetType", Values: "3, 5, 7", Absent: "3", Doc: "The kind of lease set that is published: one that all can read (3), one that is encrypted (5), for those who have the destination's b33 address, or one that names other destinations which serve in this one's place (7).", read: readType},
		{Name: "i2cp.leaseSetMeta.N", Values: "ADDRESS or ADDRESS COST", Doc: "With i2cp.leaseSetType=7: a destination that serves in this one's place, by its b32 address, hash or base64, and what it costs, 0 to 255: clients prefer the least, and draw lots among equals. N begins with 0.", read: readMeta},
	}
}

func readType(r *reading, _, value string) *Problem {
	if value != "3" && value != "5" && value != "7" {
		return &Problem{Kind: Unsupported, Text: fmt.Sprintf("%q is not supported: lease sets are of type 3, 5 or 7", value)}
	}
	r.Blinding.Own, r.meta = value == "5", value == "7"
	return nil
}

func readMeta(r *reading, _, value string) *Problem {
	l := leaseset.MetaLease{}
	fields := strings.Fields(value)
	if len(fields) == 2 {
		cost, err := strconv.ParseUint(fields[1], 10, 8)
		if err != nil {
			return invalid("%q is no cost from 0 to 255", fields[1])
		}
		l.Cost = byte(cost)
	} else if len(fields) != 1 {
		return invalid("%q is no address, nor one with a cost", value)
	}
	n, err := i2p.ParseName(fields[0])
	if err != nil || n.Hash.IsZero() || n.Port != 0 {
		return invalid("%q is neither the base64 of a destination or its hash nor a b32 address", fields[0])
	}
	if l.Hash = n.Hash; slices.ContainsFunc(r.named, func(o leaseset.MetaLease) bool { return o.Hash == l.Hash }) {
		return invalid("%s is named twice", fields[0])
	}
	r.named = append(r.named, l)
	return nil
}

// settleMeta finds whether there are destinations to be named where they are to be.
func (r *reading) settleMeta() (problems Problems) {
	const name = "i2cp.leaseSetMeta.N"
	switch n := len(r.named); {
	case n > 0 && !r.meta:
		problems = append(problems, Problem{Kind: Moot, Name: name, Text: "has no effect: i2cp.leaseSetType=7 is what names other destinations"})
	case n > leaseset.MaxMeta:
		problems = append(problems, Problem{Kind: Invalid, Name: name, Text: fmt.Sprintf("%d destinations, at most %d", n, leaseset.MaxMeta)})
	case n == 0 && r.meta && len(r.Meta) == 0:
		problems = append(problems, Problem{Kind: Invalid, Name: "i2cp.leaseSetType", Text: "7 is for naming other destinations, and i2cp.leaseSetMeta.0 names none"})
	case n > 0:
		r.Meta = r.named
	}
	if !r.meta {
		r.Meta = nil
	}
	return problems
}
