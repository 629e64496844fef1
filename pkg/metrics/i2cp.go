package metrics

// i2cpTable is of the server for applications that speak I2CP.
func i2cpTable() []row {
	return []row{
		{"i2cp_sessions", "Sessions of applications.", "", "Sessions"},
		{"i2cp_sessions_total", "Sessions that were opened.", "", "Created"},
		{"i2cp_refused_total", "What was refused, by the reason.", "reason",
			"protocol=Refused.Protocol malformed=Refused.Malformed unauthorized=Refused.Unauthorized session=Refused.Session lookup=Refused.Lookup"},
		{"i2cp_messages_total", "Messages that applications sent, and messages to them.", "direction", "in=MessagesIn out=MessagesOut"},
		{"i2cp_payload_bytes_total", "Bytes of payloads.", "direction", "in=BytesIn out=BytesOut"},
		{"i2cp_failed_total", "Messages that were not sent, and lookups that found nothing.", "", "Failed"},
		{"i2cp_overflowed_total", "Messages to applications that do not read.", "", "Overflowed"},
		{"i2cp_lease_sets_total", "Lease sets of applications.", "result", "taken=LeaseSets refused=LeaseSetsBad"},
		{"i2cp_lookups_total", "Lookups of applications.", "", "Lookups"},
		{"i2cp_ignored_total", "What applications asked for and this router does not do.", "what", "option=OptionsIgnored message=MessagesIgnored"},
	}
}
