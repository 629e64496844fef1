package metrics

// proxyTable is of all HTTP proxies together.
func proxyTable() []row {
	return []row{
		{"http_proxy_connections", "Connections of clients.", "", "Connections"},
		{"http_proxy_tunnels", "Connections that CONNECT or a WebSocket keeps.", "", "Tunnels"},
		{"http_proxy_idle_streams", "Streams that wait for the next request.", "", "IdleStreams"},
		{"http_proxy_accepted_total", "Connections of clients.", "", "Accepted"},
		{"http_proxy_requests_total", "Requests.", "", "Requests"},
		{"http_proxy_streams_total", "Streams for requests.", "kind", "dialled=Dialled reused=Reused"},
		{"http_proxy_repeated_requests_total", "Requests that were sent again, as an idle stream had ended.", "", "Repeated"},
		{"http_proxy_ended_streams_total", "Idle streams that were ended.", "reason", "evicted=Evicted expired=Expired"},
		{"http_proxy_tunnels_total", "Connections for other protocols.", "kind", "connect=Connects upgrade=Upgrades"},
		{"http_proxy_received_bytes_total", "Bytes of bodies and tunnels from sites.", "", "BytesIn"},
		{"http_proxy_sent_bytes_total", "Bytes of bodies and tunnels for sites.", "", "BytesOut"},
		{"http_proxy_refused_total", "Connections and requests that were refused.", "reason",
			"busy=Refused.Busy slow=Refused.Slow idle=Refused.Idle malformed=Refused.Malformed too_large=Refused.TooLarge " +
				"unauthorized=Refused.Unauthorized private=Refused.Private clearnet=Refused.Clearnet port=Refused.Port method=Refused.Method"},
		{"http_proxy_failed_total", "Requests that failed, by the step that did.", "step",
			"name=Failed.Name tunnels=Failed.Tunnels lease_set=Failed.LeaseSet connect=Failed.Connect answer=Failed.Answer client_gone=Failed.Gone"},
		{"http_proxy_helpers_total", "Address helpers.", "result",
			"asked=Helpers.Asked saved=Helpers.Saved once=Helpers.Once conflict=Helpers.Conflicts forged=Helpers.Forged"},
		{"http_proxy_outproxies_total", "Outproxies that were tried.", "result", "all=Outproxy.Dialled failed=Outproxy.Failed"},
	}
}
