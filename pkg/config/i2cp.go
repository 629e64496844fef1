package config

import "i2ptoolkit/pkg/door"

// I2CP sets the server that speaks I2CP.
type I2CP struct {
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

// Door are the settings that all doors have.
func (s I2CP) Door() door.Settings {
	return door.Settings{
		Enabled: s.Enabled, Listen: s.Listen, TLS: s.TLS, Certificate: s.Certificate, Key: s.Key, Auth: s.Auth, Users: s.Users,
		Connections: s.MaxConnections, PerAddress: s.MaxPerAddress,
	}
}

func defaultI2CP() I2CP {
	return I2CP{Listen: []string{"127.0.0.1:7654"}, Users: []string{}, MaxConnections: 4096, MaxPerAddress: 256}
}

func (s I2CP) check() error {
	if err := s.Door().Check(); err != nil {
		return faultf("i2cp", "%v", err)
	}
	return nil
}

// i2cpSettings are those of I2CP.
func i2cpSettings() []Setting { return doorSettings("i2cp", "I2CP", "7654") }
