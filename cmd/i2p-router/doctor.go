package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"syscall"
	"time"

	"i2ptoolkit/pkg/cli"
	"i2ptoolkit/pkg/config"
	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/control/client"
	"i2ptoolkit/pkg/doctor"
	"i2ptoolkit/pkg/node"
)

func doctorCommand() *cli.Command {
	return &cli.Command{
		Name:  "doctor",
		Usage: "tell what keeps the router from its work, and what to do",
		Description: "It asks the running router how others reach it, whether it reaches them, and what of its\n" +
			"machine is too little: its clock, disk, open files and buffers. Where none runs it looks at\n" +
			"the configuration, the data directory and the machine. The worst comes first; the status is\n" +
			"1 where there is a problem, which is something to be done.",
		Flags: cli.RouterFlags(configFlag(), cli.JSONFlag()),
		Action: func(c *cli.Context) error {
			all, err := examine(c)
			if err != nil {
				return err
			}
			doctor.Sort(all)
			if err := cli.PrintList(c, all, printFindings); err != nil {
				return err
			}
			if doctor.Ill(all) {
				return cli.Silent(cli.StatusFailed)
			}
			return nil
		},
	}
}

// examine asks the router, or looks for what might keep one from running.
func examine(c *cli.Context) ([]control.Finding, error) {
	router, err := cli.Router(c)
	if err != nil {
		return nil, err
	}
	all, err := router.Doctor(c.Context)
	if err == nil || !errors.Is(err, client.ErrNoRouter) {
		return all, err
	}
	s, err := readSettings(c)
	if err == nil {
		err = node.Check(s)
	}
	if err != nil {
		return []control.Finding{
			{Check: "router", Level: control.FindingNote, Text: "no router runs", Advice: "correct the configuration first"},
			{Check: "configuration", Level: control.FindingProblem, Text: cli.Text(err), Advice: "see man router.toml"},
		}, nil
	}
	all = []control.Finding{{Check: "configuration", Level: control.FindingOK, Text: "it is good"}}
	if node.InUse(s) {
		all = append(all, control.Finding{
			Check: "router", Level: control.FindingProblem, Text: "a router has the directory " + s.DataDir + ", but none answers at " + s.Socket,
			Advice: "name its socket with --socket or I2P_SOCKET; a second router needs a directory of its own",
		})
	} else {
		all = append(all, control.Finding{Check: "router", Level: control.FindingNote, Text: "no router runs", Advice: "start one with i2p-router"})
		all = append(all, ports(c.Context, s)...)
	}
	machine := doctor.Machine{Dir: s.DataDir, Sessions: s.NTCP2.MaxSessions, Datagram: s.SSU2.Enabled, Now: time.Now()}
	return append(all, machine.Look()...), nil
}

// ports tells whether what a router would listen on is another program's.
func ports(ctx context.Context, s config.Config) (all []control.Finding) {
	var lc net.ListenConfig
	for _, at := range s.ListenAddrs() {
		if at.Port() == 0 {
			continue // one that is free is chosen
		}
		l, err := lc.Listen(ctx, "tcp", at.String())
		carrier := "TCP"
		if err == nil {
			l.Close()
			if !s.SSU2.Enabled {
				continue
			}
			var p net.PacketConn
			carrier = "UDP"
			if p, err = lc.ListenPacket(ctx, "udp", at.String()); err == nil {
				p.Close()
				continue
			}
		}
		advice := "choose another with --port"
		if errors.Is(err, syscall.EADDRNOTAVAIL) {
			advice = "name an address of this machine"
		}
		all = append(all, control.Finding{
			Check: "port", Level: control.FindingProblem, Advice: advice,
			Text: fmt.Sprintf("nothing can listen on %s port %s: %v", carrier, strconv.Itoa(int(at.Port())), errors.Unwrap(err)),
		})
	}
	return all
}

// printFindings has a line for each, and what to do about it below.
func printFindings(w io.Writer, all []control.Finding) error {
	table := cli.NewTable(w)
	for _, f := range all {
		table.Row(f.Level, f.Check, f.Text)
		if f.Advice != "" {
			table.Row("", "", "-> "+f.Advice)
		}
	}
	return table.Flush()
}
