package config

// doorSettings are the settings of a door that every one has.
func doorSettings(table, name, port string) []Setting {
	const most = 1 << 16
	return []Setting{
		{Key: table + ".enabled", Doc: "Have applications speak " + name + " to the router.", Reload: AtOnce},
		{Key: table + ".listen", Doc: "Where, each as ADDRESS:PORT or unix:PATH; most applications look at 127.0.0.1:" + port + ". What other machines can reach needs tls and auth, or the router does not start.", Reload: AtOnce},
		{Key: table + ".tls", Doc: "Speak TLS at the addresses. Unix sockets need none.", Reload: AtOnce},
		{Key: table + ".certificate", Doc: "The certificate for TLS, a file in PEM. It is read when the door is opened.", Unset: "one that the router makes and keeps, keys/door-" + table + ".pem in the data directory", Reload: AtOnce},
		{Key: table + ".key", Doc: "The key of that certificate, a file in PEM.", Reload: AtOnce},
		{Key: table + ".auth", Doc: "Serve only those who say a user's name and password.", Reload: AtOnce},
		{Key: table + ".users", Doc: "The users, each as NAME:HASH. i2p-router hash-password makes the hash (bcrypt); no password is to be here.", Reload: AtOnce},
		{Key: table + ".max_connections", Doc: "The most connections at a time. Beyond that the one goes that has said nothing for longest.", Unit: "connections", Least: 1, Most: most, Reload: AtOnce},
		{Key: table + ".max_per_address", Doc: "The most connections of one other machine at a time.", Unit: "connections", Least: 1, Most: most, Reload: AtOnce},
	}
}
