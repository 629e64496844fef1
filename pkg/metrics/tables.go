package metrics

import (
	"slices"
	"strings"
)

func transportTable() []row {
	return []row{
		{"transport_sessions", "Sessions with other routers.", "", "Sessions"},
		{"transport_pending_handshakes", "Handshakes that peers have begun.", "", "Pending"},
		{"transport_pending_dials", "Handshakes that we have begun.", "", "Dials"},
		{"transport_lent_bytes", "Memory that all peers have in common, for what waits for young sessions or is on its way, as far as it is lent.", "", "Lent"},
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
		{"transport_missed_dials_total", "Dials that failed or were slow, where another way to the peer was found.", "", "DialsMissed"},
		{"transport_refused_connections_total", "Connections beyond the limits.", "", "Refused"},
		{"transport_crowded_out_total", "What gave way to others for want of room.", "what", "session=Evicted handshake=PushedOut"},
		{"transport_refused_peers_total", "Peers that authenticated and were refused.", "", "RefusedPeers"},
		{"transport_dial_seconds", "How long it took to open a session, from the first message for the peer on.", "", "DialTime"},
		{"transport_accept_seconds", "How long it took a peer to open a session, from its coming on.", "", "AcceptTime"},
		{"transport_stalls_total", "Sessions whose peer acknowledged nothing for a while.", "", "Stalls"},
		{"transport_returned_messages_total", "Messages that went over another session with the peer, which may not have had them.", "", "Returned"},
	}
}

func routerTable() []row {
	return slices.Concat(tunnelRows(), netdbRows(), garlicRows("router_garlic", "Garlic"), []row{
		{"router_dropped_messages_total", "Messages that the router could not use.", "reason",
			"malformed=Malformed expired=Expired unknown=Unknown undecryptable=Undecryptable strayed=Strayed inbox_full=InboxDropped builds_limit=BuildsLimited garlic_limit=GarlicLimited"},
		{"destinations", "Local destinations that are in use.", "", "Parties"},
		{"destinations_stuck", "Local destinations without tunnels that wait for one of the router's to build them through.", "", "Stuck"},
		{"profile_peers", "Routers of which something was learnt.", "", "Profiles.Peers"},
		{"profile_group_peers", "Of these, those of a group to choose hops from.", "group", "fast=Profiles.Fast high_capacity=Profiles.HighCapacity"},
		{"profile_evicted_total", "Routers that were forgotten for want of room.", "", "Profiles.Evicted"},
	})
}

func tunnelRows() []row {
	return []row{
		{"tunnels", "Our own tunnels that stand.", "kind,direction", "exploratory,in=ExploratoryIn exploratory,out=ExploratoryOut client,in=ClientIn client,out=ClientOut"},
		{"tunnel_builds_total", "Tunnel builds that we asked for.", "result", "accepted=BuildsAccepted refused=BuildsRefused expired=BuildsExpired held=BuildsHeld"},
		{"tunnel_fates_total", "Our own tunnels with hops by how far they came: asked for, agreed to by all hops, and of use, for a message came through.", "kind,came",
			"exploratory,asked=Exploratory.Asked exploratory,agreed=Exploratory.Stood exploratory,carried=Exploratory.Carried client,asked=Client.Asked client,agreed=Client.Stood client,carried=Client.Carried"},
		{"tunnel_build_seconds", "How long accepted builds took.", "", "BuildTook"},
		{"tunnel_tests_total", "Tests of our own tunnels.", "result", "ok=TestsOK failed=TestsFailed"},
		{"transit_tunnels", "Tunnels that we carry for others.", "", "Transit"},
		{"transit_requests_total", "Tunnels that others asked us to carry.", "result", "accepted=TransitAccepted refused=TransitRefused"},
		{"transit_gave_way_total", "Tunnels of others that were dropped for those of others who have fewer.", "", "TransitGaveWay"},
		{"transit_filter_bytes", "What the filters of these tunnels' messages take, beside a little for each.", "", "FilterBytes"},
		{"transit_filters_refused_total", "Filters that were not let grow for want of memory, and forget sooner what came before.", "", "FiltersSmall"},
		{"transit_messages_total", "Messages carried for others.", "", "TransitMessages"},
		{"transit_bytes_total", "Bytes carried for others.", "", "TransitBytes"},
		{"tunnel_end_messages_total", "Tunnel messages that came to the end of a tunnel, of ours or of others.", "", "Endpoints.Received"},
		{"tunnel_end_bad_messages_total", "Of these, those of no use.", "reason", "duplicate=Endpoints.Duplicates bad=Endpoints.Bad"},
		{"tunnel_end_delivered_total", "Messages that were put together there.", "", "Endpoints.Delivered"},
		{"tunnel_end_lost_total", "Fragments and messages that were given up there.", "reason", "dropped=Endpoints.Dropped expired=Endpoints.Expired evicted=Endpoints.Evicted"},
	}
}

func netdbRows() []row {
	return []row{
		{"netdb_lease_sets", "Lease sets that are known.", "", "Segments.LeaseSets"},
		{"netdb_publications", "What we publish, our RouterInfo and lease sets.", "", "Segments.Publications"},
		{"netdb_active_lookups", "Lookups under way.", "", "Segments.Active"},
		{"netdb_lookups_total", "Lookups that were begun.", "", "Segments.Lookups"},
		{"netdb_ended_lookups_total", "Lookups by what came of them: busy ones were never begun.", "result", "found=Segments.Found failed=Segments.Failed busy=Segments.Busy"},
		{"netdb_lookup_seconds", "How long lookups took.", "", "Segments.Took"},
		{"netdb_queries_total", "Floodfills that were asked.", "", "Segments.Queries"},
		{"netdb_unasked_answers_total", "Answers that nobody had asked for.", "", "Segments.Unasked"},
		{"netdb_stores_total", "Entries that others stored here.", "result", "taken=Segments.Stored refused=Segments.Refused"},
		{"netdb_floods_limited_total", "Entries that a floodfill did not pass on at once: their key's budget, or that of all, was used up.", "", "Segments.FloodsLimited"},
		{"netdb_requests_total", "Lookups of others: not every one can be served.", "result", "served=Segments.Served not_served=Segments.NotServed over_budget=Segments.OverBudget"},
		{"netdb_routers", "RouterInfos that are known.", "", "DB.Routers"},
		{"netdb_floodfills", "Of these, those of floodfills.", "", "DB.Floodfills"},
		{"netdb_bytes", "Bytes of the RouterInfos.", "", "DB.Bytes"},
		{"netdb_taken_total", "RouterInfos that were taken.", "change", "added=DB.Added updated=DB.Updated unchanged=DB.Unchanged"},
		{"netdb_removed_total", "RouterInfos that were removed.", "reason", "expired=DB.Expired evicted=DB.Evicted"},
		{"netdb_left_out_total", "Floodfills that are known and not asked: there was no room, or a better one took theirs.", "reason", "room=DB.Unseated displaced=DB.Displaced"},
		{"netdb_refused_total", "RouterInfos that were refused.", "reason",
			"bad_signature=DB.BadSignature bad_key=DB.BadKey bad_netid=DB.BadNetID from_future=DB.FromFuture too_old=DB.TooOld bad_version=DB.BadVersion unusable=DB.Unusable crowded=DB.Crowded unasked=DB.Unasked flood=DB.Flood full=DB.Full"},
	}
}

// garlicRows tell of the sessions that garlic is sealed in.
func garlicRows(name, field string) []row {
	fields := func(text string) string { return strings.ReplaceAll(text, "=", "="+field+".") }
	return []row{
		{name + "_sessions", "Sessions with others.", "", field + ".Sessions"},
		{name + "_tags", "Tags of messages that may come.", "", field + ".Tags"},
		{name + "_sealed_total", "Messages that were sealed.", "kind", fields("new=NewSealed reply=RepliesSealed existing=ExistingSealed")},
		{name + "_opened_total", "Messages that were opened.", "kind", fields("new=NewOpened reply=RepliesOpened existing=ExistingOpened one_time=OneTimeOpened")},
		{name + "_refused_total", "Messages that were not.", "reason", fields("unauthentic=Failed replayed=Replayed limit=Refused clock=BadClock malformed=Malformed")},
		{name + "_ignored_blocks_total", "Parts of messages that were passed over.", "kind", fields("clove=BadCloves unknown=UnknownBlocks next_key=BadNextKeys")},
		{name + "_ratchets_total", "Exchanges of new keys.", "", field + ".Ratchets"},
		{name + "_ended_sessions_total", "Sessions that were given up.", "reason", fields("evicted=Evicted expired=Expired")},
	}
}

// elgamalRows tell of the sessions with destinations that have ElGamal only.
func elgamalRows() []row {
	return []row{
		{"destination_elgamal_sessions", "Sessions of ours with destinations that have ElGamal only.", "", "ElGamal.Sessions"},
		{"destination_elgamal_tags", "Session tags of such destinations, under which messages may come.", "", "ElGamal.Tags"},
		{"destination_elgamal_sealed_total", "Messages that were sealed for them.", "kind", "new=ElGamal.NewSealed existing=ElGamal.ExistingSealed"},
		{"destination_elgamal_opened_total", "Messages of theirs that were opened.", "kind", "new=ElGamal.NewOpened existing=ElGamal.ExistingOpened"},
		{"destination_elgamal_refused_total", "Messages that were not: busy are those beyond what is decrypted in a second.", "reason", "undecryptable=ElGamal.Failed busy=ElGamal.Busy replayed=ElGamal.Replayed clock=ElGamal.BadClock malformed=ElGamal.Malformed"},
		{"destination_elgamal_delivered_tags_total", "Session tags that were sent.", "result", "sent=ElGamal.TagsSent confirmed=ElGamal.TagsConfirmed"},
		{"destination_elgamal_received_tags_total", "Session tags that came, and those of them that were given up.", "result", "received=ElGamal.TagsReceived evicted=ElGamal.TagsEvicted expired=ElGamal.TagsExpired"},
		{"destination_elgamal_unconfirmed_total", "Confirmations that never came.", "", "ElGamal.Unconfirmed"},
		{"destination_elgamal_restarts_total", "Sessions that were begun anew, as nothing seemed to get through.", "", "ElGamal.Restarts"},
		{"destination_elgamal_sent_back_total", "Confirmations that were sent back to who had asked for them.", "", "SentBack"},
	}
}

// destinationsTable tells of all destinations together, those that have ended included.
func destinationsTable() []row {
	return slices.Concat(garlicRows("destination_garlic", "Sessions"), elgamalRows(), streamRows(), []row{
		{"destination_loops", "Destinations that run, those that only say farewell included.", "", "Destinations"},
		{"destinations_opened_total", "Destinations that were opened.", "", "Opened"},
		{"destination_messages_total", "Messages of destinations.", "direction", "in=Received out=Sent"},
		{"destination_scouts_total", "Messages that look for a path to a peer that works, where an answer was late, and those beyond the limit.", "result", "sent=Scouts limited=ScoutsRefused"},
		{"destination_lost_messages_total", "Messages that could not be used or sent.", "reason", "undecryptable=Undecryptable rejected=Rejected crowded=Crowded dropped=Dropped"},
		{"destination_lease_sets_total", "Lease sets that were made.", "", "LeaseSets"},
		{"destination_sender_lookups_total", "Lookups of those who say that they sent a datagram.", "result", "asked=Seeks limited=SeeksRefused"},
		{"datagrams_total", "Datagrams.", "direction", "in=Datagrams.Received out=Datagrams.Sent"},
		{"datagrams_lost_total", "Datagrams that were not read.", "reason",
			"full=Datagrams.Dropped malformed=Datagrams.Malformed signature=Datagrams.BadSignature expired=Datagrams.Expired"},
		{"datagrams_unproven_total", "Datagrams of which it is not known that they are from whom they say.", "", "Datagrams.Unproven"},
		{"datagrams_misdirected_total", "Datagrams that are signed over their sender's hash, and were taken in a session of the sender's.", "", "Datagrams.Misdirected"},
	})
}

func streamRows() []row {
	return []row{
		{"streams", "Streams.", "", "Streams.Streams"},
		{"streams_opened_total", "Streams by who opened them.", "direction", "in=Streams.Accepted out=Streams.Opened"},
		{"streams_refused_total", "Streams over a limit, and to a port where nobody takes any.", "reason", "limit=Streams.Refused absent=Streams.Absent"},
		{"streams_untold_total", "Of these, those whose answer went beyond what is sent of them.", "", "Streams.Untold"},
		{"streams_given_up_total", "Streams that gave way to others.", "reason", "unread=Streams.Unread idle=Streams.Idle"},
		{"stream_round_trip_seconds", "Round trips of packets that were sent once.", "", "Streams.RoundTrips"},
		{"stream_bytes_total", "Bytes of streams, each counted once.", "direction", "in=Streams.Traffic.Received out=Streams.Traffic.Sent"},
		{"stream_packets_total", "Packets of streams and echoes.", "direction", "in=Streams.In out=Streams.Out"},
		{"stream_own_packets_total", "Of these, those of a stream that there is.", "direction", "in=Streams.Traffic.PacketsIn out=Streams.Traffic.PacketsOut"},
		{"stream_refused_packets_total", "Packets that were not taken.", "reason",
			"malformed=Streams.Malformed unknown_stream=Streams.UnknownStream bad_signature=Streams.BadSignature wrong_recipient=Streams.WrongRecipient replayed=Streams.Replayed memory=Streams.Dropped"},
		{"stream_disowned_packets_total", "Packets of unknown streams whose senders were told.", "", "Streams.Disowned"},
		{"stream_resent_packets_total", "Packets that were sent again.", "", "Streams.Traffic.Resent"},
		{"stream_timeouts_total", "Times that nothing was acknowledged for too long.", "", "Streams.Traffic.Timeouts"},
		{"stream_duplicate_packets_total", "Packets that came again.", "", "Streams.Traffic.Duplicates"},
		{"stream_disordered_packets_total", "Packets that came before others that were sent earlier.", "", "Streams.Traffic.OutOfOrder"},
		{"stream_chokes_total", "Times that a reader was too slow, here or at the peer.", "reader", "here=Streams.Traffic.Chokes peer=Streams.Traffic.Choked"},
		{"stream_plain_acks_total", "Packets that acknowledged, and carried nothing.", "", "Streams.Traffic.AcksPlain"},
		{"stream_echoes_total", "Echoes that were asked for.", "", "Streams.Pings"},
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

func portmapTable() []row {
	return []row{
		{"portmap_ports", "Ports that the gateway passes on to this machine.", "", "Mapped"},
		{"portmap_requests_total", "Requests for a port, renewals among them.", "result", "granted=Granted refused=Refused"},
		{"portmap_searches_total", "Searches for a gateway that maps ports.", "", "Searches"},
		{"portmap_found_total", "Of these, those that found one.", "", "Found"},
	}
}

func namesTable() []row {
	return []row{
		{"names_lookups_total", "Names that were looked for in the address books.", "result", "found=Found unknown=Unknown failed=Failed"},
		{"names_feeds_total", "Answers of the servers of feeds.", "result", "read=FeedsRead unchanged=FeedsUnchanged failed=FeedsFailed"},
		{"names_lines_total", "Lines of files and feeds that changed the address books.", "result", "added=Added changed=Changed updated=Updated removed=Removed"},
		{"names_refused_lines_total", "Lines of files and feeds that were of no effect.", "reason",
			"conflict=Conflicts replayed=Replayed forged=Forged unsigned=Unsigned invalid=Invalid expired=Expired full=Full"},
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
		{"control_datagram_ports", "Ports for datagrams of tools.", "", "Ports"},
		{"control_datagram_ports_opened_total", "Ports for datagrams that tools opened.", "", "PortsOpened"},
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

func reloadTable() []row {
	return []row{
		{"config_reloads_total", "Reloads of the configuration.", "result", "done=Done refused=Refused"},
		{"config_last_reload_timestamp_seconds", "When it was reloaded last; 0: it never was.", "", "Last"},
		{"config_last_reload_successful", "Whether the last reload was done; 0 if there was none.", "", "LastDone"},
	}
}

func nodeTable() []row {
	return []row{
		{"start_timestamp_seconds", "When the router started.", "", "Started"},
	}
}

func filesTable() []row {
	return []row{
		{"netdb_files_read_total", "Files that were read from the netDb's directory and the bootstrap.", "", "Read"},
		{"netdb_files_damaged_total", "Of these, those of no use.", "", "Damaged"},
		{"netdb_files_written_total", "RouterInfos that were written to the netDb's directory.", "", "Written"},
		{"netdb_files_removed_total", "RouterInfos that were removed from there.", "", "Removed"},
		{"netdb_file_errors_total", "Times that it could not be read or written.", "", "Failed"},
	}
}
