package main

import "i2ptoolkit/pkg/cli"

// settingDocs say what the settings of a forward are, in the order of the page.
func settingDocs() []cli.Entry {
	return []cli.Entry{
		{Term: "type", Text: "client, server, http, socks, irc, httpserver, ircserver, udpclient, udpserver, streamrclient, streamrserver or meta"},
		{Term: "stopped", Text: "true: it is kept, and does nothing"},
		{Term: "listen", Text: "where local users connect, \"127.0.0.1:7000\" or \"unix:/path\"; of a streamrserver, where its source sends to"},
		{Term: "destinations", Text: "where a client, irc, udpclient or streamrclient goes: a list of names or addresses of I2P, with \":PORT\" behind, see order. Of a meta those who serve in its place, by their addresses: with \" COST\" behind, 1 to 255, where one is to be preferred to another"},
		{Term: "targets", Text: "where a server of any kind, and a streamrclient, goes: a list of local addresses, see order"},
		{Term: "order", Text: "which of several destinations or targets a connection is led to first: turn, which is what holds without it, random, or first for the first of the list. Where one cannot be reached the next is tried. Datagrams have one destination"},
		{Term: "port", Text: "the port of I2P on which a server listens; 0, which is what holds without it: any that no other forward with the same key has. So several sites are at one address, each at a port and with its own targets and settings"},
		{Term: "key", Text: "the name of a key file in the router's data directory, made where it is missing, or \"transient\" for a new destination at each start. Servers have one named after them by default, and others a transient one"},
		{Term: "share", Text: "the name of a group of clients and proxies that are one destination. An option that one of them has holds for all, as it does for forwards with the same key; those that ask for different values of one are refused, with the name of the other"},
		{Term: "delay_open", Text: "true: there are no tunnels before somebody connects"},
		{Term: "idle_close", Text: "a time such as \"20m\": there are no tunnels once nobody has been connected for so long"},
		{Term: "access.allow", Text: "a list of the peers, by name or address, of whom alone a server takes streams"},
		{Term: "access.deny", Text: "a list of those of whom it takes none"},
		{Term: "access.filter", Text: "the absolute path of a file of rules, in the access filter format"},
		{Term: "limits.streams", Text: "the most streams at a time; 0: what the type has"},
		{Term: "limits.peer_streams", Text: "the most of one peer, of servers"},
		{Term: "limits.peer_per_minute", Text: "the most that one peer opens in a minute, of servers that carry streams"},
		{Term: "limits.peer_per_hour", Text: "in an hour"},
		{Term: "limits.peer_per_day", Text: "in a day"},
		{Term: "limits.per_minute", Text: "the most that all open in a minute, where it is no proxy and carries streams"},
		{Term: "limits.per_hour", Text: "in an hour"},
		{Term: "limits.per_day", Text: "in a day. These limits are for the one forward; those of i2p.streaming.max… are for all that its destination has, and hold before"},
		{Term: "options", Text: "a table of I2CP options by their documented names, in quotes for their dots, and with their values as texts; see I2CP OPTIONS"},
		{Term: "http.outproxies", Text: "what leads out of I2P: a list of { host = \"NAME:PORT\", socks = true, user = \"…\", password = \"…\" }, of which all but host may be left out. On a command line: NAME:PORT or socks://NAME:PORT"},
		{Term: "http.accounts", Text: "who may use the proxy: a list of { user = \"…\", password = \"…\" }"},
		{Term: "http.jump", Text: "a list of jump services for names that are not known, by their addresses, in place of those of the router (names.jump in router.toml(5)); none is asked before somebody follows its link"},
		{Term: "http.connect_only", Text: "true: nothing but CONNECT"},
		{Term: "http.connect_ports", Text: "a list of the ports to which CONNECT leads"},
		{Term: "http.accept_language", Text: "true: let Accept-Language through"},
		{Term: "socks.outproxies", Text: "as of http"},
		{Term: "socks.accounts", Text: "as of http"},
		{Term: "socks.isolate", Text: "true: each user's name has a destination of its own"},
		{Term: "socks.udp", Text: "true: UDP ASSOCIATE"},
		{Term: "socks.extended", Text: "true: tell failures by Tor's codes"},
		{Term: "udp.protocol", Text: "by which a udpclient says from whom its datagrams are: repliable, which is what holds without it, datagram2 or datagram3"},
		{Term: "udp.signed", Text: "true: every datagram of a udpclient or udpserver is signed, and others are refused; the other end must have it too"},
		{Term: "irc.dcc", Text: "true: let DCC through"},
		{Term: "httpserver.host", Text: "what Host says to the web server; without it: what the peer said"},
		{Term: "httpserver.reject_inproxies", Text: "true: refuse who comes through an inproxy"},
		{Term: "httpserver.reject_referer", Text: "true: refuse requests that a page of another site led to"},
		{Term: "httpserver.reject_agents", Text: "a list of texts; a User-Agent with one of them is refused; none: refuse who has no User-Agent"},
		{Term: "httpserver.posts_per_peer", Text: "the most POSTs of one peer in post_period"},
		{Term: "httpserver.posts", Text: "the most of all peers in post_period"},
		{Term: "httpserver.post_period", Text: "the time for which they are counted"},
		{Term: "httpserver.post_ban", Text: "for how long a peer that sent too many is refused"},
		{Term: "ircserver.webirc", Text: "true: tell the IRC server of the peer by WEBIRC"},
		{Term: "ircserver.password", Text: "the password of WEBIRC; it is for files, as everybody sees a command line"},
		{Term: "ircserver.cloak", Text: "a secret of which the peers' host names are made, for files as well; without it they are b32 addresses"},
		{Term: "ircserver.suffix", Text: "how those end"},
	}
}

// forwardSection is what a file of plans, and -s, take.
func forwardSection() cli.ManualSection {
	return cli.ManualSection{
		Title: "FORWARDS",
		Text: "A file of plans is TOML, with a table for each forward by its name, and tables within it for settings with a dot. " +
			"An unknown setting is an error, told with its line. add, and -s of the verbs, take SETTING=VALUE by the same names. These are the settings:",
		Entries: settingDocs(),
	}
}
