package i2pcontrol

import (
	"context"
	"errors"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/door"
)

// Settings are those that NetworkSetting and I2PControl speak of.
type Settings struct {
	NTCPHost, SSUHost string // that are published; empty: none, or found out
	NTCPPort, SSUPort int    // 0: there is none
	In, Out           int    // KBps; 0: no limit
	Share             int    // percent
	UPnP              bool
	Listen            []string // of I2PControl
}

// Changes are what a program sets; what is nil stays.
type Changes struct {
	Port     *int // of both transports
	Hosts    *[]string
	In, Out  *int
	Share    *int
	UPnP     *bool
	Listen   *[]string
	Password *string // its hash
}

// network are the keys of NetworkSetting that can be set. What a value means that is none, Java I2P's
// NetworkSettingHandler says.
var network = map[string]func(to *Changes, text string, had Settings) error{
	"i2p.router.net.ntcp.port":     func(to *Changes, text string, _ Settings) error { return setNumber(&to.Port, text, 1, 65535) },
	"i2p.router.net.ssu.port":      func(to *Changes, text string, _ Settings) error { return setNumber(&to.Port, text, 1, 65535) },
	"i2p.router.net.ntcp.hostname": func(to *Changes, text string, _ Settings) error { return setHost(to, text) },
	"i2p.router.net.ssu.hostname":  func(to *Changes, text string, _ Settings) error { return setHost(to, text) },
	"i2p.router.net.ntcp.autoip": func(to *Changes, text string, had Settings) error {
		switch text {
		case "always", "true":
			to.Hosts = &[]string{}
		case "false":
			if had.NTCPHost == "" {
				return errors.New("a hostname is to be set then")
			}
		default:
			return errors.New("expected always, true or false")
		}
		return nil
	},
	"i2p.router.net.ssu.autoip": func(to *Changes, text string, _ Settings) error {
		for _, way := range strings.Split(text, ",") {
			if !slices.Contains([]string{"local", "upnp", "ssu"}, way) {
				return errors.New("expected ways of local, upnp and ssu, with commas between")
			}
		}
		to.Hosts = &[]string{}
		return nil
	},
	"i2p.router.net.upnp":       func(to *Changes, text string, _ Settings) error { return setSwitch(&to.UPnP, text) },
	"i2p.router.net.bw.share":   func(to *Changes, text string, _ Settings) error { return setNumber(&to.Share, text, 0, 100) },
	"i2p.router.net.bw.in":      func(to *Changes, text string, _ Settings) error { return setNumber(&to.In, text, 0, 1<<24) },
	"i2p.router.net.bw.out":     func(to *Changes, text string, _ Settings) error { return setNumber(&to.Out, text, 0, 1<<24) },
	"i2p.router.net.laptopmode": func(_ *Changes, text string, _ Settings) error { return setNever(text) },
}

func setNumber(to **int, text string, least, most int) error {
	n, err := strconv.Atoi(text)
	if err != nil || n < least || n > most {
		return errors.New("expected a number from " + strconv.Itoa(least) + " to " + strconv.Itoa(most))
	}
	if *to != nil && **to != n {
		return errors.New("the transports have one port")
	}
	*to = &n
	return nil
}

func setHost(to *Changes, text string) error {
	hosts := []string{}
	if text != "" {
		if _, err := netip.ParseAddr(text); err != nil {
			return errors.New("expected an IP address, or nothing for what is found out")
		}
		hosts = append(hosts, text)
	}
	if to.Hosts != nil && !slices.Equal(*to.Hosts, hosts) {
		return errors.New("the transports have one address")
	}
	to.Hosts = &hosts
	return nil
}

func setSwitch(to **bool, text string) error {
	on := text == "true"
	if !on && text != "false" {
		return errors.New("expected true or false")
	}
	*to = &on
	return nil
}

// setNever is for what this router has not.
func setNever(text string) error {
	if text != "false" {
		return errors.New("this router does not have it")
	}
	return nil
}

// networkSetting tells settings, and sets those that come with a value.
func (s *Server) networkSetting(_ context.Context, p params) (any, error) {
	set := s.cfg.Settings()
	number := func(n int) any { return strconv.Itoa(n) }
	all := map[string]any{
		"i2p.router.net.ntcp.port": number(set.NTCPPort), "i2p.router.net.ntcp.hostname": set.NTCPHost,
		"i2p.router.net.ntcp.autoip": strconv.FormatBool(set.NTCPHost == ""),
		"i2p.router.net.ssu.port":    number(set.SSUPort), "i2p.router.net.ssu.hostname": set.SSUHost,
		"i2p.router.net.ssu.autoip": strconv.FormatBool(set.SSUHost == ""), "i2p.router.net.ssu.detectedip": set.SSUHost,
		"i2p.router.net.upnp": strconv.FormatBool(set.UPnP), "i2p.router.net.bw.share": number(set.Share),
		"i2p.router.net.bw.in": number(set.In), "i2p.router.net.bw.out": number(set.Out),
		"i2p.router.net.laptopmode": "false",
	}
	var to Changes
	got, some := map[string]any{}, false
	for _, name := range slices.Sorted(maps.Keys(p)) {
		value, known := all[name]
		if known && isNull(p[name]) {
			got[name] = value
		} else if known {
			some = true
			if err := change(network[name], &to, p, name, set); err != nil {
				return nil, err
			}
		}
	}
	return s.save(got, some, to)
}

// change has one key of a call set.
func change(set func(to *Changes, text string, had Settings) error, to *Changes, p params, name string, had Settings) error {
	text, is := p.text(name)
	err := errors.New("it is not set by anybody")
	if set != nil {
		if err = errors.New("expected a text"); is {
			err = set(to, strings.ToLower(strings.TrimSpace(text)), had)
		}
	}
	if err != nil {
		return failed(codeParams, strconv.Quote(name)+": "+err.Error())
	}
	return nil
}

// manage is of I2PControl itself: where it listens, and its password.
func (s *Server) manage(_ context.Context, p params) (any, error) {
	had := s.cfg.Settings()
	var to Changes
	got, some := map[string]any{}, false
	for _, key := range []struct {
		name string
		set  func(to *Changes, text string, had Settings) error
	}{{"i2pcontrol.address", setAddress}, {"i2pcontrol.port", setPort}} {
		if _, is := p[key.name]; is {
			got[key.name], some = nil, true
			if err := change(key.set, &to, p, key.name, had); err != nil {
				return nil, err
			}
		}
	}
	if _, is := p["i2pcontrol.password"]; is {
		got["i2pcontrol.password"], some = nil, true
		text, _ := p.text("i2pcontrol.password") // which is taken as it is
		hash, err := door.Hash(text)
		if err != nil {
			return nil, failed(codeParams, `"i2pcontrol.password": `+err.Error())
		}
		to.Password = &hash
	}
	answer, err := s.save(got, some, to)
	if err == nil && to.Password != nil {
		s.Password(*to.Password) // "all Authentication tokens will be revoked"
	}
	return answer, err
}

func setAddress(to *Changes, text string, had Settings) error {
	if _, err := netip.ParseAddr(text); err != nil {
		return errors.New("expected an IP address")
	}
	return listen(to, had, func(_, port string) string { return net.JoinHostPort(text, port) })
}

func setPort(to *Changes, text string, had Settings) error {
	var n *int
	if err := setNumber(&n, text, 1, 65535); err != nil {
		return err
	}
	return listen(to, had, func(host, _ string) string { return net.JoinHostPort(host, text) })
}

// listen changes the first place that is an address and a port.
func listen(to *Changes, had Settings, change func(host, port string) string) error {
	at := had.Listen
	if to.Listen != nil {
		at = *to.Listen
	}
	at = slices.Clone(at)
	for i := range at {
		if host, port, err := net.SplitHostPort(at[i]); err == nil && !strings.HasPrefix(at[i], "unix:") {
			at[i] = change(host, port)
			to.Listen = &at
			return nil
		}
	}
	return errors.New("it listens at no address")
}

// save has the changes hold, and says in the answer whether they do.
func (s *Server) save(answer map[string]any, some bool, to Changes) (any, error) {
	restart := false
	if some {
		var err error
		if restart, err = s.cfg.Set(to); err != nil {
			c := codeInternal
			var bad *control.Error
			if errors.As(err, &bad) && bad.Code == control.BadData {
				c = codeParams
			}
			return nil, failed(c, err.Error())
		}
	}
	answer["SettingsSaved"], answer["RestartNeeded"] = some, restart
	return answer, nil
}
