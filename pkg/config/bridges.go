package config

import (
	"i2ptoolkit/pkg/door"
	"i2ptoolkit/pkg/i2pcontrol"
)

// BOB sets the Basic Open Bridge. It knows no passwords, and so is this machine's alone.
type BOB struct {
	Enabled bool     `toml:"enabled" json:"enabled"`
	Listen  []string `toml:"listen" json:"listen"`
}

// Settings are how it is open.
func (b BOB) Settings() door.Settings { return door.Settings{Enabled: b.Enabled, Listen: b.Listen} }

func (b BOB) check() error {
	if err := b.Settings().Check(); err != nil {
		return faultf("bob.listen", "%v", err)
	}
	return nil
}

// I2PControl sets the server of I2PControl.
type I2PControl struct {
	Enabled     bool     `toml:"enabled" json:"enabled"`
	Listen      []string `toml:"listen" json:"listen"`
	Password    string   `toml:"password" json:"password"` // its hash
	Certificate string   `toml:"certificate" json:"certificate"`
	Key         string   `toml:"key" json:"key"`
}

// Settings are how it is open: always with TLS, and to one user.
func (c I2PControl) Settings() door.Settings {
	s := door.Settings{Enabled: c.Enabled, Listen: c.Listen, TLS: true, Certificate: c.Certificate, Key: c.Key, Auth: true}
	if c.Password != "" {
		s.Users = []string{i2pcontrol.User + ":" + c.Password}
	}
	return s
}

func (c I2PControl) check() error {
	if c.Enabled && c.Password == "" {
		return faultf("i2pcontrol.password", "the server is to be open, and there is no password (i2p-router hash-password makes what stands here)")
	}
	if err := c.Settings().Check(); err != nil {
		return faultf("i2pcontrol", "%v", err)
	}
	return nil
}

// bridgeSettings are the keys of both.
func bridgeSettings() []Setting {
	return []Setting{
		{Key: "bob.enabled", Doc: "Serve BOB, the Basic Open Bridge, to programs that know nothing newer. It has no passwords: every user of this machine can use it.", Reload: AtOnce},
		{Key: "bob.listen", Doc: "Where, each as ADDRESS:PORT of this machine's loopback or unix:PATH.", Reload: AtOnce},

		{Key: "i2pcontrol.enabled", Doc: "Serve I2PControl, by which programs look at the router and stop it: JSON-RPC over HTTPS.", Reload: AtOnce},
		{Key: "i2pcontrol.listen", Doc: "Where, each as ADDRESS:PORT or unix:PATH.", Reload: AtOnce},
		{Key: "i2pcontrol.password", Doc: "What is kept of the password: a hash, which i2p-router hash-password makes. There is no default.", Reload: AtOnce},
		{Key: "i2pcontrol.certificate", Doc: "A file with the certificate to show, in PEM.", Unset: "one that is made at the first start, and kept in the data directory", Reload: AtOnce},
		{Key: "i2pcontrol.key", Doc: "The file with its key, in PEM.", Unset: "likewise", Reload: AtOnce},
	}
}
