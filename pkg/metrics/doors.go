package metrics

import "i2ptoolkit/pkg/door"

// doorTable is of each server for applications.
func doorTable() []row {
	return []row{
		{"door_connections", "Connections of applications.", "", "Connections"},
		{"door_sessions", "Sessions of applications.", "", "Sessions"},
		{"door_accepted_total", "Connections of applications.", "", "Accepted"},
		{"door_refused_total", "Connections that were not served, or ended.", "reason",
			"crowded=Refused.Crowded address=Refused.Address evicted=Refused.Evicted silent=Refused.Silent handshake=Refused.Handshake " +
				"unauthorized=Refused.Unauthorized memory=Refused.Memory descriptors=Refused.Descriptors"},
	}
}

// byDoor are the counts of each door.
func byDoor(doors func() []*door.Door) func() []part[door.Stats] {
	return func() (parts []part[door.Stats]) {
		for _, d := range doors() {
			parts = append(parts, part[door.Stats]{d.Name(), d.Stats()})
		}
		return parts
	}
}

func bobTable() []row {
	return []row{
		{"bob_nicknames", "Tunnels of BOB, of which some may not be active.", "", "Tunnels"},
		{"bob_tunnels", "Tunnels of BOB that are active.", "", "Active"},
		{"bob_tunnels_started_total", "Tunnels of BOB that were started.", "", "Started"},
		{"bob_streams", "Streams that BOB's tunnels carry.", "", "Streams"},
		{"bob_failed_total", "Streams whose peer or server could not be reached.", "", "Failed"},
		{"bob_refused_total", "What BOB refused.", "reason",
			"nicknames=Refused.Tunnels streams=Refused.Streams address=Refused.Addresses line=Refused.Lines http=Refused.HTTP"},
	}
}

func i2pcontrolTable() []row {
	return []row{
		{"i2pcontrol_calls_total", "Calls of I2PControl.", "", "Calls"},
		{"i2pcontrol_refused_total", "Calls without a good password or token.", "", "Refused"},
		{"i2pcontrol_malformed_total", "What came to I2PControl and was no call.", "", "Malformed"},
	}
}

// samTable is of the server that speaks SAM.
func samTable() []row {
	return []row{
		{"sam_commands_total", "Commands of applications.", "", "Commands"},
		{"sam_malformed_total", "Lines that are no commands.", "", "Malformed"},
		{"sam_ignored_options_total", "Options of sessions that were passed over.", "", "Ignored"},
		{"sam_sessions_total", "Sessions that were asked for.", "result", "created=Created subsession=Subsessions refused=RefusedSession"},
		{"sam_streams_total", "Streams of applications.", "kind", "connected=Connected accepted=Accepted forwarded=Forwarded failed=Failed"},
		{"sam_received_bytes_total", "Bytes of streams from peers.", "", "In"},
		{"sam_sent_bytes_total", "Bytes of streams to peers.", "", "Out"},
		{"sam_datagrams_total", "Datagrams of applications.", "way", "in=DatagramsIn out=DatagramsOut refused=DatagramsRefused lost=DatagramsLost overrun=DatagramsOverrun"},
		{"sam_lookups_total", "Names that applications looked for.", "", "Lookups"},
		{"sam_failed_lookups_total", "Of these, those that were not found.", "", "LookupsFailed"},
		{"sam_refused_hosts_total", "Names of machines to forward to that were not looked for, or not found.", "", "RefusedHosts"},
	}
}
