package cli

import (
	"errors"

	"i2ptoolkit/pkg/words"
)

// Grouped are complaints about many things: those of one kind are said once, with how many
// they are and what is wrong with the first of them.
type Grouped struct {
	kinds []string // in the order of their first
	of    map[string]complaints
}

type complaints struct {
	count       int
	first, what string // the first thing, and what is wrong with it
}

// Add notes what is wrong with a thing of that name.
func (g *Grouped) Add(kind, name, what string) {
	if g.of == nil {
		g.of = make(map[string]complaints)
	}
	c, known := g.of[kind]
	if !known {
		g.kinds = append(g.kinds, kind)
		c = complaints{first: name, what: what}
	}
	c.count++
	g.of[kind] = c
}

// AddError is Add of an error, of which what lies beneath all wrappings is the kind.
func (g *Grouped) AddError(name string, err error) {
	inner := err
	for next := err; next != nil; next = errors.Unwrap(next) {
		inner = next
	}
	g.Add(inner.Error(), name, Text(err))
}

// Warn says all of it on stderr; thing is what they are about, as in "record".
func (g *Grouped) Warn(c *Context, thing string) {
	for _, kind := range g.kinds {
		name := g.of[kind].first
		if n := g.of[kind].count; n > 1 {
			name = words.Count(n, thing) + ", such as " + name
		}
		Warnf(c, "%s: %s", name, g.of[kind].what)
	}
}
