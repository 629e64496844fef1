package main

import (
	"fmt"
	"i2ptoolkit/pkg/cli"
	"i2ptoolkit/pkg/forward/plan"
	"io"
	"os"
	"slices"
	"strings"
)

// importReport is what is printed of a tunnel as JSON.
type importReport struct {
	Name     string          `json:"name"`
	File     string          `json:"file"`
	Line     int             `json:"line"`
	Forwards []plan.Plan     `json:"forwards"`
	LeftOut  string          `json:"left_out,omitempty"`
	Key      string          `json:"key,omitempty"`
	Left     []importLeftKey `json:"left"`
	Made     []importMade    `json:"made,omitempty"` // where the router has them now
}

// importMade is where a forward is to be found.
type importMade struct {
	Name    string `json:"name"`
	Listen  string `json:"listen,omitempty"`
	Address string `json:"address,omitempty"` // of one that serves
}

type importLeftKey struct {
	Key  string `json:"key"`
	Line int    `json:"line"`
	Why  string `json:"why"`
	Moot bool   `json:"moot,omitempty"`
}

// reports is where it is told what becomes of tunnels: on stdout, unless that is for the plans.
func (im *importing) reports() io.Writer {
	if im.c.String("output") == "-" {
		return os.Stderr
	}
	return os.Stdout
}

// report tells what becomes of each tunnel.
func (im *importing) report() error {
	for _, t := range im.tunnels {
		var text strings.Builder
		fmt.Fprintf(&text, "%s:%d: %s", t.File, t.Line, t.Name)
		if t.Why != "" {
			fmt.Fprintf(&text, ": left out: %s", t.Why)
		}
		for i, p := range t.Plans {
			fmt.Fprintf(&text, "%s %s (%s)", map[bool]string{true: " becomes", false: " and"}[i == 0], p.Name, p.Type)
			if p.Stopped {
				text.WriteString(", stopped")
			}
		}
		out := []string{text.String()}
		if t.key != "" {
			out = append(out, "  key: "+t.key)
		}
		for _, l := range t.Left {
			if !l.Moot || im.c.Bool("verbose") {
				out = append(out, fmt.Sprintf("  line %d: %s: %s", l.Line, l.Key, l.Why))
			}
		}
		for _, line := range out {
			if _, err := io.WriteString(im.reports(), cli.Clean(line)+"\n"); err != nil {
				return err
			}
		}
	}
	return nil
}

// reportJSON tells it as JSON, with what the router has made of it.
func (im *importing) reportJSON() error {
	for _, t := range im.tunnels {
		r := importReport{Name: t.Name, File: t.File, Line: t.Line, Forwards: []plan.Plan{}, LeftOut: t.Why, Key: t.key, Left: []importLeftKey{}}
		for _, p := range t.Plans {
			r.Forwards = append(r.Forwards, withoutSecrets(p))
			for _, f := range im.now {
				switch {
				case f.Name != p.Name:
				case f.Type.Serves():
					r.Made = append(r.Made, importMade{Name: f.Name, Address: f.Address})
				default:
					r.Made = append(r.Made, importMade{Name: f.Name, Listen: f.Listen})
				}
			}
		}
		for _, l := range t.Left {
			r.Left = append(r.Left, importLeftKey(l))
		}
		if err := cli.WriteJSON(im.reports(), r); err != nil {
			return err
		}
	}
	return nil
}

// withoutSecrets is a plan for a report: passwords are for the router alone.
func withoutSecrets(p plan.Plan) plan.Plan {
	const hidden = "…"
	outproxies := func(all []plan.Outproxy) []plan.Outproxy {
		all = slices.Clone(all)
		for i := range all {
			if all[i].Password != "" {
				all[i].Password = hidden
			}
		}
		return all
	}
	accounts := func(all []plan.Account) []plan.Account {
		all = slices.Clone(all)
		for i := range all {
			all[i].Password = hidden
		}
		return all
	}
	if p.HTTP != nil {
		s := *p.HTTP
		s.Outproxies, s.Accounts = outproxies(s.Outproxies), accounts(s.Accounts)
		p.HTTP = &s
	}
	if p.SOCKS != nil {
		s := *p.SOCKS
		s.Outproxies, s.Accounts = outproxies(s.Outproxies), accounts(s.Accounts)
		p.SOCKS = &s
	}
	if p.IRCServer != nil {
		s := *p.IRCServer
		if s.Password != "" {
			s.Password = hidden
		}
		if s.Cloak != "" {
			s.Cloak = hidden
		}
		p.IRCServer = &s
	}
	return p
}
