package forward

import (
	"i2ptoolkit/pkg/draw"
	"i2ptoolkit/pkg/forward/plan"
)

// inOrder are the places that a connection may lead to, in the order in which they are tried. turn counts
// connections.
func inOrder(places []string, order plan.Order, turn int) []string {
	first := 0
	switch {
	case len(places) < 2:
		return places
	case order == plan.AtRandom:
		first = draw.From(nil).Below(len(places))
	case order != plan.AsListed:
		first = turn % len(places)
	}
	return append(places[first:len(places):len(places)], places[:first]...)
}
