package metrics

func transportTable() []row {
	return []row{
		{"transport_sessions", "Sessions with other routers.", "", "Sessions"},
		{"transport_pending_handshakes", "Handshakes that peers have begun.", "", "Pending"},
		{"transport_pending_dials", "Handshakes that we have begun.", "", "Dials"},
		{"transport_received_bytes_total", "Bytes that came in on the wire.", "", "BytesIn"},
		{"transport_sent_bytes_total", "Bytes that went out on the wire.", "", "BytesOut"},
		{"transport_received_messages_total", "Messages of peers.", "", "MessagesIn"},
		{"transport_sent_messages_total", "Messages to peers.", "", "MessagesOut"},
		{"transport_dropped_messages_total", "Messages to peers that found no room, no session or no peer.", "", "Dropped"},
		{"transport_late_messages_total", "Of the dropped messages, tunnel data that waited too long in a queue.", "", "Late"},
		{"transport_expired_messages_total", "Messages to peers that expired in a queue.", "", "Expired"},
		{"transport_malformed_messages_total", "Messages and RouterInfos of peers that do not parse or verify.", "", "Malformed"},
		{"transport_sessions_opened_total", "Sessions by who opened them: in is the peer, out are we.", "direction", "in=Accepted out=Dialed"},
		{"transport_failed_dials_total", "Dials that came to nothing.", "", "DialsFailed"},
		{"transport_refused_connections_total", "Connections beyond the limits.", "", "Refused"},
		{"transport_refused_peers_total", "Peers that authenticated and were refused.", "", "RefusedPeers"},
		{"transport_stalls_total", "Sessions whose peer acknowledged nothing for a while.", "", "Stalls"},
	}
}

func routerTable() []row {
	return []row{
		{"tunnels", "Our own tunnels that stand.", "kind,direction", "exploratory,in=ExploratoryIn exploratory,out=ExploratoryOut client,in=ClientIn client,out=ClientOut"},
		{"tunnel_builds_total", "Tunnel builds that we asked for.", "result", "accepted=BuildsAccepted refused=BuildsRefused expired=BuildsExpired"},
		{"tunnel_tests_total", "Tests of our own tunnels.", "result", "ok=TestsOK failed=TestsFailed"},
		{"transit_tunnels", "Tunnels that we carry for others.", "", "Transit"},
		{"transit_requests_total", "Tunnels that others asked us to carry.", "result", "accepted=TransitAccepted refused=TransitRefused"},
		{"transit_messages_total", "Messages carried for others.", "", "TransitMessages"},
		{"transit_bytes_total", "Bytes carried for others.", "", "TransitBytes"},
		{"router_dropped_messages_total", "Messages that the router could not use.", "reason",
			"malformed=Malformed expired=Expired unknown=Unknown undecryptable=Undecryptable strayed=Strayed inbox_full=InboxDropped builds_limit=BuildsLimited garlic_limit=GarlicLimited"},
		{"destinations", "Local destinations.", "", "Parties"},
		{"netdb_lease_sets", "Lease sets that are known.", "", "LeaseSets"},
		{"netdb_routers", "RouterInfos that are known.", "", "DB.Routers"},
		{"netdb_floodfills", "Of these, those of floodfills.", "", "DB.Floodfills"},
		{"netdb_bytes", "Bytes of the RouterInfos.", "", "DB.Bytes"},
		{"netdb_taken_total", "RouterInfos that were taken.", "change", "added=DB.Added updated=DB.Updated unchanged=DB.Unchanged"},
		{"netdb_removed_total", "RouterInfos that were removed.", "reason", "expired=DB.Expired evicted=DB.Evicted"},
		{"netdb_refused_total", "RouterInfos that were refused.", "reason",
			"bad_signature=DB.BadSignature bad_key=DB.BadKey bad_netid=DB.BadNetID from_future=DB.FromFuture too_old=DB.TooOld bad_version=DB.BadVersion unusable=DB.Unusable crowded=DB.Crowded flood=DB.Flood full=DB.Full"},
	}
}

func reseedTable() []row {
	return []row{
		{"reseed_tries_total", "Searches for first peers.", "result", "unreached=Unreached useless=Useless too_few=TooFew enough=Enough"},
		{"reseed_learned_total", "RouterInfos that reseeding gave.", "", "Learned"},
		{"reseed_rejected_total", "RouterInfos of reseeding that were of no use.", "", "Rejected"},
		{"reseed_last_timestamp_seconds", "The end of the last search; 0: there was none.", "", "Last"},
	}
}

func controlTable() []row {
	return []row{
		{"control_active_requests", "Requests at the control socket that are being answered.", "", "Active"},
		{"control_requests_total", "Requests at the control socket.", "", "Requests"},
		{"control_failed_requests_total", "Of these, those that were answered with an error.", "", "Failed"},
		{"control_busy_requests_total", "Of these, those beyond the limit.", "", "Busy"},
		{"control_sessions", "Destinations of tools.", "", "Sessions"},
		{"control_sessions_opened_total", "Destinations that tools opened.", "", "SessionsOpened"},
		{"control_streams", "Streams of tools.", "", "Streams"},
		{"control_streams_opened_total", "Streams that tools opened and accepted.", "", "StreamsOpened"},
		{"control_stream_received_bytes_total", "Bytes that tools' streams had from their peers, counted at each stream's end.", "", "StreamBytesIn"},
		{"control_stream_sent_bytes_total", "Bytes that tools' streams had for their peers, counted at each stream's end.", "", "StreamBytesOut"},
	}
}

func eventsTable() []row {
	return []row{
		{"event_followers", "Those who follow the events.", "", "Subscribers"},
		{"events_total", "Events.", "", "Published"},
		{"events_lost_total", "Events that a follower was too slow for.", "", "Lost"},
	}
}

func logTable() []row {
	return []row{
		{"log_lines_total", "Lines that were logged.", "level", "debug=Debug info=Info warn=Warn error=Error"},
	}
}

func nodeTable() []row {
	return []row{
		{"start_timestamp_seconds", "When the router started.", "", "Started"},
		{"config_reloads_total", "Reloads of the configuration.", "result", "done=ReloadsDone refused=ReloadsRefused"},
		{"config_last_reload_timestamp_seconds", "When it was reloaded last; 0: it never was.", "", "LastReload"},
		{"config_last_reload_successful", "Whether the last reload was done; 0 if there was none.", "", "LastReloadDone"},
		{"netdb_files_read_total", "Files that were read from the netDb's directory and the bootstrap.", "", "FilesRead"},
		{"netdb_files_damaged_total", "Of these, those of no use.", "", "FilesDamaged"},
		{"netdb_files_written_total", "RouterInfos that were written to the netDb's directory.", "", "FilesWritten"},
		{"netdb_files_removed_total", "RouterInfos that were removed from there.", "", "FilesRemoved"},
		{"netdb_file_errors_total", "Times that it could not be read or written.", "", "FilesFailed"},
	}
}
