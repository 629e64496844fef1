package metrics

// forwardTable is of all forwards together, and of the doors that they have.
func forwardTable() []row {
	return []row{
		{"forwards", "Forwards between this machine and I2P.", "", "Forwards"},
		{"forward_streams", "Streams that forwards carry.", "", "Carried.Streams"},
		{"forward_streams_total", "Streams that forwards have carried.", "", "Carried.Opened"},
		{"forward_refused_total", "Streams that limits or access lists refused.", "", "Carried.Refused"},
		{"forward_failed_total", "Streams whose peer or target could not be reached.", "", "Carried.Failed"},
		{"forward_received_bytes_total", "Bytes from I2P.", "", "Carried.BytesIn"},
		{"forward_sent_bytes_total", "Bytes to I2P.", "", "Carried.BytesOut"},

		{"socks_connections", "Connections of SOCKS clients.", "", "SOCKS.Open"},
		{"socks_accepted_total", "Connections of SOCKS clients.", "", "SOCKS.Accepted"},
		{"socks_streams_total", "Streams that SOCKS clients were given.", "", "SOCKS.Connected"},
		{"socks_received_bytes_total", "Bytes from peers.", "", "SOCKS.In"},
		{"socks_sent_bytes_total", "Bytes to peers.", "", "SOCKS.Out"},
		{"socks_associations", "UDP associations.", "", "SOCKS.Associations"},
		{"socks_datagrams_total", "Datagrams of UDP associations.", "way", "in=SOCKS.DatagramsIn out=SOCKS.DatagramsOut refused=SOCKS.DatagramsRefused lost=SOCKS.DatagramsLost overrun=SOCKS.DatagramsOverrun"},
		{"socks_refused_total", "Connections that were not served.", "reason",
			"crowded=SOCKS.Crowded malformed=SOCKS.Malformed unwelcome=SOCKS.Unwelcome forbidden=SOCKS.Forbidden command=SOCKS.BadCommand failed=SOCKS.Failed"},

		{"udp_flows", "Flows of datagrams, and subscribers.", "", "UDP.Flows"},
		{"udp_flows_total", "Flows of datagrams, and subscribers.", "", "UDP.Opened"},
		{"udp_datagrams_total", "Datagrams that were forwarded.", "way", "in=UDP.In out=UDP.Out"},
		{"udp_received_bytes_total", "Bytes of datagrams from I2P.", "", "UDP.BytesIn"},
		{"udp_sent_bytes_total", "Bytes of datagrams to I2P.", "", "UDP.BytesOut"},
		{"udp_refused_total", "Datagrams and flows that were not forwarded.", "reason",
			"refused=UDP.Refused malformed=UDP.Malformed crowded=UDP.Crowded evicted=UDP.Evicted lost=UDP.Lost overrun=UDP.Overrun"},

		{"irc_lines_total", "Lines of IRC that passed, or that something was taken out of.", "kind", "passed=IRC.Passed tags=IRC.Tags pings=IRC.Pings capability=IRC.Capability"},
		{"irc_refused_total", "Lines of IRC that were left out, and peers that were turned away.", "reason",
			"command=IRC.Command ctcp=IRC.CTCP dcc=IRC.DCC malformed=IRC.Malformed long=IRC.Long forbidden=IRC.Forbidden slow=IRC.Slow"},

		{"http_server_requests_total", "Requests to web servers that were not malformed.", "", "Web.Requests"},
		{"http_server_upgrades_total", "WebSockets.", "", "Web.Upgrades"},
		{"http_server_fields_total", "Header fields that were taken out.", "of", "requests=Web.Forged responses=Web.Stripped"},
		{"http_server_refused_total", "Requests that were refused.", "reason",
			"slow=Web.Refused.Slow idle=Web.Refused.Idle malformed=Web.Refused.Malformed too_large=Web.Refused.TooLarge method=Web.Refused.Method proxied=Web.Refused.Proxied " +
				"inproxy=Web.Refused.Inproxies referer=Web.Refused.Referers agent=Web.Refused.Agents posts=Web.Refused.Posts"},
		{"http_server_failed_total", "Requests that failed.", "reason", "unavailable=Web.Unavailable unanswered=Web.Unanswered peer_gone=Web.Gone"},
	}
}
