package config

import (
	"i2ptoolkit/pkg/door"
)

// SAM sets the server that speaks SAM.
type SAM struct {
	Enabled        bool     `toml:"enabled" json:"enabled"`
	Listen         []string `toml:"listen" json:"listen"`
	UDP            string   `toml:"udp" json:"udp"`
	TLS            bool     `toml:"tls" json:"tls"`
	Certificate    string   `toml:"certificate" json:"certificate"`
	Key            string   `toml:"key" json:"key"`
	Auth           bool     `toml:"auth" json:"auth"`
	Users          []string `toml:"users" json:"users"`
	AuthCommands   bool     `toml:"auth_commands" json:"auth_commands"`
	MaxConnections int      `toml:"max_connections" json:"max_connections"`
	MaxPerAddress  int      `toml:"max_per_address" json:"max_per_address"`
}

// Door are the settings that all doors have.
func (s SAM) Door() door.Settings {
	return door.Settings{
		Enabled: s.Enabled, Listen: s.Listen, TLS: s.TLS, Certificate: s.Certificate, Key: s.Key, Auth: s.Auth, Users: s.Users,
		Connections: s.MaxConnections, PerAddress: s.MaxPerAddress,
	}
}

func defaultSAM() SAM {
	return SAM{Listen: []string{"127.0.0.1:7656"}, UDP: "127.0.0.1:7655", Users: []string{}, MaxConnections: 4096, MaxPerAddress: 256}
}

func (s SAM) check() error {
	if err := s.Door().Check(); err != nil {
		return faultf("sam", "%v", err)
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
