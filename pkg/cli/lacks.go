package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/words"
)

// patience is how long a router is asked for what it lacks: it has done nothing else for long enough.
const patience = time.Second

// lacking adds to a failure that may pass by itself what the router lacks, in its own words: a verb that has waited for the
// network in vain knows no more than that nothing came. Who was told that there are no tunnels was told why.
func lacking(c *Context, err error) error {
	if StatusOf(err) != StatusAgain || c.Context.Err() != nil || errors.Is(err, &control.Error{Code: control.NoTunnels}) {
		return err
	}
	lacks := RouterLacks(c, 0)
	switch {
	case lacks == "":
		return err
	case err.Error() == "": // of many, each was told
		return &Failure{Status: StatusAgain, Err: errors.New(lacks)}
	}
	f := &Failure{Status: StatusAgain, Err: fmt.Errorf("%w: %s", err, lacks)}
	if said := (*Failure)(nil); errors.As(err, &said) {
		f.Hint = said.Hint
	}
	return f
}

// RouterLacks is why the router that the flags name has no tunnels, as status tells it; empty: it has some, or soon will have,
// or there is no router that says so, or the verb speaks to none. Tunnels of more hops than it knows others it never has.
func RouterLacks(c *Context, hops int) string {
	if c.Command == nil || !slices.ContainsFunc(c.Command.Flags, func(f Flag) bool { return slices.Contains(f.Names(), "socket") }) {
		return ""
	}
	router, err := Router(c)
	if err != nil {
		return ""
	}
	defer router.Close()
	ctx, cancel := context.WithTimeout(c.Context, patience)
	defer cancel()
	st, err := router.Status(ctx)
	if err != nil {
		return ""
	}
	if st.Lacks == "" && hops > st.Known.Routers {
		return fmt.Sprintf("they are to have %s, and the router knows %s", words.Count(hops, "hop"), words.Counted(st.Known.Routers, "other", "others"))
	}
	return st.Lacks
}
