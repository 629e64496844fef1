package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"i2ptoolkit/pkg/cli"
	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/control/client"
	"i2ptoolkit/pkg/forward/plan"
)

// applied is what is printed as JSON of what became of forwards.
type applied struct {
	control.AppliedForwards
	Forwards []control.Forward `json:"forwards,omitempty"` // those that were asked for, as they are now
}

// printApplied says what became of forwards, and where some of them are to be found. One that failed makes
// the command fail.
func printApplied(c *cli.Context, done control.AppliedForwards, now []control.Forward) error {
	if c.Bool("json") {
		if err := cli.PrintJSON(applied{done, now}); err != nil {
			return err
		}
		return failuresOf(c, done, now)
	}
	for _, part := range []struct {
		what  string
		names []string
	}{{"added", done.Added}, {"changed", done.Changed}, {"removed", done.Removed}, {"kept", done.Kept}} {
		for _, name := range part.names {
			if err := cli.Printf("%-7s %s", part.what, name); err != nil {
				return err
			}
		}
	}
	for _, f := range now {
		if f.State != control.ForwardFailed {
			where(c, f)
		}
	}
	return failuresOf(c, done, now)
}

// failuresOf says which forwards could not be had, which do not work, and why.
func failuresOf(c *cli.Context, done control.AppliedForwards, now []control.Forward) error {
	var failures cli.Failures
	for _, f := range now {
		if f.State != control.ForwardFailed {
			continue
		}
		err := cli.WithHint(fmt.Errorf("%s: %s", f.Name, f.Error), "the router tries again, until i2p-tunnel remove %s", f.Name)
		if err := failures.Note(c, err); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(done.Failed)) {
		if err := failures.Note(c, fmt.Errorf("%s: %s", name, done.Failed[name])); err != nil {
			return err
		}
	}
	return failures.Err()
}

// addressTime bounds how long a forward that serves may take to know its address.
const addressTime = 5 * time.Second

// located are forwards by their names, as they are once they know where they are to be found, or that they
// are not.
func located(ctx context.Context, router *client.Client, names []string) ([]control.Forward, error) {
	if len(names) == 0 {
		return nil, nil
	}
	for late := time.After(addressTime); ; {
		all, err := router.Forwards(ctx)
		if err != nil {
			return nil, err
		}
		all = slices.DeleteFunc(all, func(f control.Forward) bool { return !slices.Contains(names, f.Name) })
		if !slices.ContainsFunc(all, unlocated) {
			return all, nil
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-late:
			return all, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// unlocated tells whether a forward will yet know it. One that serves does when its key is read or made.
func unlocated(f control.Forward) bool {
	switch {
	case f.State != control.ForwardOpening || f.Type == plan.StreamrClient:
		return false
	case f.Type.Serves():
		return f.Address == ""
	}
	return f.Listen == ""
}

func namesOf(plans []plan.Plan) (names []string) {
	for _, p := range plans {
		names = append(names, p.Name)
	}
	return names
}

// where says where a forward is to be found.
func where(c *cli.Context, f control.Forward) {
	switch {
	case f.Type.Serves() && f.Address != "":
		cli.Notef(c, "%s: at %s", f.Name, f.Address)
	case f.Listen != "":
		cli.Notef(c, "%s: at %s", f.Name, f.Listen)
	}
}
