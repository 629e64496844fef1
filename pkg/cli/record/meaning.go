package record

import (
	"strconv"
	"strings"
	"time"
)

// capabilities are the letters that a RouterInfo has (network database, "Router Capabilities").
var capabilities = map[rune]string{
	'K': "under 12 KB/s", 'L': "12 to 48 KB/s", 'M': "48 to 64 KB/s", 'N': "64 to 128 KB/s", 'O': "128 to 256 KB/s", 'P': "256 to 2000 KB/s",
	'X': "over 2000 KB/s", 'R': "reachable", 'U': "unreachable", 'H': "hidden", 'f': "floodfill",
	'D': "medium congestion", 'E': "high congestion", 'G': "takes no tunnels",
}

// addressCapabilities are those of an address (SSU2, "Published Addresses").
var addressCapabilities = map[rune]string{'4': "sends over IPv4", '6': "sends over IPv6", 'B': "helps with peer tests", 'C': "introduces others"}

// spelled adds what letters mean, as far as they mean something.
func spelled(letters string, meanings map[rune]string) string {
	var said []string
	for _, l := range letters {
		if m := meanings[l]; m != "" {
			said = append(said, m)
		}
	}
	if len(said) == 0 {
		return letters
	}
	return letters + " (" + strings.Join(said, ", ") + ")"
}

// postQuantum are the numbers of hybrid handshakes (NTCP2 and SSU2, "pq").
var postQuantum = map[rune]string{'3': "ML-KEM-512", '4': "ML-KEM-768", '5': "ML-KEM-1024"}

// meanings are what the options of an address are; of those with a number behind, without it.
var meanings = map[string]string{
	"v": "version of the protocol", "s": "static key", "mtu": "largest packet",
	"ih": "introducer", "itag": "tag for the introducer", "iexp": "when the tag ends",
}

// addressOption is an option of an address, with its meaning.
func addressOption(transport, name, value string) string {
	base := strings.TrimRight(name, "0123456789")
	switch {
	case name == "caps":
		return spelled(value, addressCapabilities)
	case name == "pq":
		return spelled(value, postQuantum)
	case name == "i" && transport == "SSU2":
		return value + " (introduction key)"
	case name == "i":
		return value + " (initialization vector)"
	case base == "iexp":
		if n, err := strconv.ParseUint(value, 10, 32); err == nil {
			return value + " (" + meanings[base] + ": " + time.Unix(int64(n), 0).UTC().Format(time.RFC3339) + ")"
		}
	}
	if m := meanings[base]; m != "" {
		return value + " (" + m + ")"
	}
	return value
}
