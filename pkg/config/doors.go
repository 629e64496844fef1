package config

import "i2ptoolkit/pkg/door"

// Door are the settings that every door has whose protocol knows users; they stand in its table.
type Door struct {
	Enabled        bool     `toml:"enabled" json:"enabled"`
	Listen         []string `toml:"listen" json:"listen"`
	TLS            bool     `toml:"tls" json:"tls"`
	Certificate    string   `toml:"certificate" json:"certificate"`
	Key            string   `toml:"key" json:"key"`
	Auth           bool     `toml:"auth" json:"auth"`
	Users          []string `toml:"users" json:"users"`
	MaxConnections int      `toml:"max_connections" json:"max_connections"`
	MaxPerAddress  int      `toml:"max_per_address" json:"max_per_address"`
}

// Settings are how it is open.
func (d Door) Settings() door.Settings {
	return door.Settings{
		Enabled: d.Enabled, Listen: d.Listen, TLS: d.TLS, Certificate: d.Certificate, Key: d.Key, Auth: d.Auth, Users: d.Users,
		Connections: d.MaxConnections, PerAddress: d.MaxPerAddress,
	}
}

func defaultDoor(port string) Door {
	return Door{Listen: []string{"127.0.0.1:" + port}, Users: []string{}, MaxConnections: 4096, MaxPerAddress: 256}
}

func (d Door) check(table string) error {
	if err := d.Settings().Check(); err != nil {
		return faultf(table, "%v", err)
	}
	return nil
}

// doorSettings are the keys of a Door.
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

// I2CP sets the server that speaks I2CP.
type I2CP struct{ Door }

func (s I2CP) check() error { return s.Door.check("i2cp") }

// i2cpSettings are those of I2CP.
func i2cpSettings() []Setting { return doorSettings("i2cp", "I2CP", "7654") }

// SAM sets the server that speaks SAM.
type SAM struct {
	Door
	UDP          string `toml:"udp" json:"udp"`
	AuthCommands bool   `toml:"auth_commands" json:"auth_commands"`
}

func (s SAM) check() error {
	if err := s.Door.check("sam"); err != nil {
		return err
	}
	if s.UDP == "" {
		return nil
	}
	if local, err := door.Private(s.UDP); err != nil {
		return faultf("sam.udp", "%v", err)
	} else if !local {
		return faultf("sam.udp", "%s is open to other machines, and a datagram says no password: only this machine may send to it", s.UDP)
	}
	return nil
}

// samSettings are those of SAM.
func samSettings() []Setting {
	return append(doorSettings("sam", "SAM", "7656"),
		Setting{Key: "sam.udp", Doc: "Where applications send datagrams to, as ADDRESS:PORT of this machine; most look at 127.0.0.1:7655.", Unset: "nowhere", Reload: AtOnce},
		Setting{Key: "sam.auth_commands", Doc: "Have applications add and remove users and ask for passwords, by the command AUTH.", Reload: AtOnce},
	)
}
