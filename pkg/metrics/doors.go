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
