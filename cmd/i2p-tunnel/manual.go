package main

import (
	"i2ptoolkit/pkg/cli"
	"i2ptoolkit/pkg/options"
)

// manual is what the man page has beside the definitions of the commands.
func manual() cli.Manual {
	return cli.Manual{
		Examples: []cli.Example{
			{What: "Make a key, which is an address that stays, and receive a directory at it:", Lines: []string{
				"i2p-keygen dest -o key.dat",
				"i2p-tunnel listen -k key.dat | tar x",
			}},
			{What: "Send it there; B32 is what the first command printed:", Lines: []string{
				`tar c dir | i2p-tunnel connect "$B32"`,
			}},
			{What: "Reach an ssh server, and be one:", Lines: []string{
				"ssh -o ProxyCommand='i2p-tunnel connect %h %p' user@example.b32.i2p",
				"i2p-tunnel listen -k key.dat --keep --port 22 --to 127.0.0.1:22",
			}},
			{What: "Serve a git repository:", Lines: []string{
				"i2p-tunnel listen -k key.dat --keep -e 'git upload-pack /srv/repo.git'",
			}},
			{What: "Fetch from it, and keep a directory the same at the other end:", Lines: []string{
				`GIT_SSH_COMMAND="ssh -o ProxyCommand='i2p-tunnel connect %h %p'" git clone user@example.b32.i2p:/srv/repo.git`,
				`rsync -a -e "ssh -o ProxyCommand='i2p-tunnel connect %h %p'" dir/ user@example.b32.i2p:dir/`,
			}},
			{What: "Datagrams: ask a service and print its answer; and be one, with a command for each question:", Lines: []string{
				`echo status | i2p-tunnel connect -u --count 1 "$B32"`,
				`i2p-tunnel listen -u -k key.dat -e 'read -r q; echo "you asked $q"'`,
			}},
			{What: "Print who sends datagrams, and answer each with jq:", Lines: []string{
				"i2p-tunnel listen -u --json | jq -r 'select(.proven) | .from'",
			}},
			{What: "Stay at an address for as long as the machine runs, whatever becomes of the router:", Lines: []string{
				"i2p-tunnel listen -k key.dat --keep --reconnect --to unix:/run/app.sock",
			}},
			{What: "Browse: an HTTP proxy that the router runs from now on, at 127.0.0.1:4444:", Lines: []string{
				"i2p-tunnel http",
				"curl -x http://127.0.0.1:4444/ http://stats.i2p/",
			}},
			{What: "Serve a site; its address is printed, and stays:", Lines: []string{
				"i2p-tunnel httpserver 8080",
			}},
			{What: "A forward for as long as a command runs, and those that the router keeps:", Lines: []string{
				"i2p-tunnel client 2222 example.i2p:22 --foreground",
				"i2p-tunnel list --watch",
				"i2p-tunnel list -0 | xargs -0 i2p-tunnel remove",
			}},
			{What: "Keep all forwards in a file, tunnels.toml:", Lines: planExample()},
			{What: "and have the router follow it:", Lines: []string{
				"i2p-tunnel reload --dry-run tunnels.toml",
				"i2p-tunnel reload tunnels.toml",
			}},
			{What: "Move from i2pd, or from Java I2P, with the addresses; and look at it first:", Lines: []string{
				"i2p-tunnel import --dry-run ~/.i2pd",
				"i2p-tunnel import /etc/i2pd/tunnels.conf --keys /var/lib/i2pd",
				"i2p-tunnel import ~/.i2p/i2ptunnel.config.d",
				"i2p-tunnel import ~/.i2p -o tunnels.toml",
			}},
			{What: "Measure latency and throughput between two routers, or to any server:", Lines: []string{
				"i2p-tunnel listen -k key.dat --bench",
				`i2p-tunnel bench "$B32"`,
				"i2p-tunnel bench --json stats.i2p:80 | jq .connect.p50_ms",
			}},
			{What: "Try all that without the Internet, between two routers of a private network:", Lines: []string{
				"i2p-router devnet --dir /tmp/net &",
				"i2p-tunnel listen --socket /tmp/net/0/router.sock",
				`echo hello | i2p-tunnel connect --socket /tmp/net/1/router.sock "$B32"`,
			}},
		},
		Environment: []cli.Entry{
			{Term: "LISTEN_PID, LISTEN_FDS", Text: "are set by systemd for the sockets that connect is to take"},
			{Term: "I2P_PEER", Text: "is set for the command of -e: the b32 address of the stream's other end, or of a datagram's sender"},
			{Term: "I2P_PEER_PORT, I2P_PORT, I2P_PROTOCOL, I2P_PROVEN", Text: "are set for the command of -e with -u: the sender's port and ours, and how it is known from whom the datagram is"},
		},
		Files: []cli.Entry{
			{Term: "key.dat", Text: "a destination's private keys, in the format that Java I2P, i2pd and SAM share; i2p-keygen dest makes it. Who has it can take the address over"},
		},
		Sections: []cli.ManualSection{datagramSection(), superServerSection(), forwardSection(), optionSection()},
		SeeAlso:  []string{"nc(1)", "ssh(1)", "sd_listen_fds(3)"},
	}
}

// planExample is a file of plans.
func planExample() []string {
	return []string{
		`[web]`,
		`type = "httpserver"`,
		`targets = ["127.0.0.1:8080"]`,
		`options = { "inbound.length" = "2", "outbound.length" = "2" }`,
		``,
		`[chat]`,
		`type = "irc"`,
		`listen = "127.0.0.1:6668"`,
		`destinations = ["irc.postman.i2p:6667"]`,
		`limits = { streams = 2 }`,
	}
}

// superServerSection is how connect serves connections of this machine.
func superServerSection() cli.ManualSection {
	return cli.ManualSection{
		Title: "SUPER-SERVERS",
		Text: "connect needs no option for them; it sees how it was started. A stream that breaks off, or cannot be had, " +
			"resets the connection: it is never taken for an end. (Connections of Unix sockets can only be closed.) " +
			"To listen on this machine without a super-server is what i2p-tunnel client is for.",
		Entries: []cli.Entry{
			{Term: "inetd", Text: "The connection is stdin, stdout and stderr, as with systemd's Accept=yes and StandardInput=socket. Nothing is said on stderr where that is the connection. In inetd.conf: irc stream tcp nowait nobody /usr/bin/i2p-tunnel i2p-tunnel connect example.b32.i2p:6667"},
			{Term: "systemd, Accept=no", Text: "The sockets that LISTEN_FDS counts are listened on, and each connection gets a stream of its own; all share one local destination. A unit of ExecStart=/usr/bin/i2p-tunnel connect --exit-idle 10m example.b32.i2p:6667 beside a socket unit of ListenStream=127.0.0.1:6667 starts with the first connection and ends when it is no longer needed."},
			{Term: "systemd, Accept=yes", Text: "The connection that LISTEN_FDS counts is taken in place of stdin and stdout."},
		},
	}
}

// optionSection is what -O takes, as the table has it.
func optionSection() cli.ManualSection {
	s := cli.ManualSection{
		Title: "I2CP OPTIONS",
		Text: "These are the options for -O, with the names that the I2CP overview and the streaming library's page document. " +
			"Any other name is refused. So are documented options that this router does not have, but for the values named " +
			"here, which ask for what it does anyway; others have no effect, and a note says so.",
	}
	for _, o := range options.Table() {
		e := cli.Entry{Term: o.Name, Text: o.Doc}
		switch o.Effect {
		case options.Unsupported:
			e.Text = "Refused: " + o.Doc + "."
			if o.Values != "" {
				e.Term += "=" + o.Values
				e.Text = "Others are refused: " + o.Doc + "."
			}
		case options.Moot:
			e.Text = "No effect: " + o.Doc + "."
		default:
			e.Text = "Takes " + o.Values + ". " + o.Doc
			if o.Absent != "" {
				e.Text += " Without it: " + o.Absent + "."
			}
		}
		s.Entries = append(s.Entries, e)
	}
	return s
}
