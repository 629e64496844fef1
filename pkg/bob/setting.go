package bob

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/sign"
)

// The commands that say what a tunnel is to be: its keys, its ends and its options.

func (c *conversation) newKeys(args []string) ([]string, error) {
	kind := sign.EdDSA_SHA512_Ed25519
	if len(args) > 0 {
		var err error
		if kind, err = sign.ParseType(args[0]); err != nil {
			return nil, fmt.Errorf("generating keys: %w", err)
		}
	}
	keys, err := i2p.GenerateDestination(kind, i2p.CryptoElGamal, nil)
	if err != nil {
		return nil, fmt.Errorf("generating keys: %w", err)
	}
	return c.change(func(t *tunnel) (string, error) {
		t.keys = keys
		return keys.Destination().Base64(), nil
	})
}

func (c *conversation) setKeys(args []string) ([]string, error) {
	return c.change(func(t *tunnel) (string, error) {
		b, err := i2p.DecodeBase64(first(args))
		if err != nil {
			return "", errors.New("not in BASE64 format")
		}
		keys, err := i2p.ParseKeyFile(b)
		clear(b)
		if err != nil {
			return "", errors.New("no private keys of a destination")
		}
		t.keys = keys
		return keys.Destination().Base64(), nil
	})
}

func (c *conversation) getKeys([]string) ([]string, error) {
	return c.look(func(t *tunnel) (string, error) {
		if t.keys == nil {
			return "", errNoKeys
		}
		return i2p.EncodeBase64(t.keys.AppendTo(nil)), nil
	})
}

func (c *conversation) getDest([]string) ([]string, error) {
	return c.look(func(t *tunnel) (string, error) {
		if t.keys == nil {
			return "", errNoKeys
		}
		return t.keys.Destination().Base64(), nil
	})
}

func (c *conversation) inHost(args []string) ([]string, error) {
	return c.change(func(t *tunnel) (string, error) {
		host, err := address(first(args))
		if err != nil {
			return "", fmt.Errorf("inhost %w", err)
		}
		if !host.IsLoopback() {
			return "", errors.New("inhost must be an address of this machine's loopback: nobody else is to use the tunnel")
		}
		t.inHost, t.inAddr = first(args), host
		return "inhost set", nil
	})
}

func (c *conversation) outHost(args []string) ([]string, error) {
	return c.change(func(t *tunnel) (string, error) {
		host, err := address(first(args))
		if err != nil {
			return "", fmt.Errorf("outhost %w", err)
		}
		t.outHost, t.outAddr = first(args), host
		return "outhost set", nil
	})
}

func (c *conversation) inPort(args []string) ([]string, error) {
	return c.change(func(t *tunnel) (_ string, err error) {
		t.inPort, err = port(first(args))
		return "inbound port set", err
	})
}

func (c *conversation) outPort(args []string) ([]string, error) {
	return c.change(func(t *tunnel) (_ string, err error) {
		t.outPort, err = port(first(args))
		return "outbound port set", err
	})
}

func port(text string) (uint16, error) {
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0, errNumber
	}
	if n < 1 || n > 65535 {
		return 0, errPort
	}
	return uint16(n), nil
}

// quiet without a word is quiet, as of i2pd; Java I2P waits for true or false.
func (c *conversation) quiet(args []string) ([]string, error) {
	return c.change(func(t *tunnel) (string, error) {
		t.quiet = len(args) == 0 || strings.EqualFold(args[0], "true")
		return "Quiet set", nil
	})
}

func (c *conversation) option(args []string) ([]string, error) {
	return c.change(func(t *tunnel) (string, error) {
		if len(args) == 0 {
			return "", errors.New("no option")
		}
		var said []string
		for _, arg := range args {
			name, value, found := strings.Cut(arg, "=")
			if !found || name == "" {
				return "", fmt.Errorf("%.40q is not name=value", arg)
			}
			if _, is := t.options[name]; !is && len(t.options) >= maxOptions {
				return "", fmt.Errorf("more than %d options", maxOptions)
			}
			t.options[name] = value
			said = append(said, name+" set to "+value)
		}
		return strings.Join(said, ", "), nil
	})
}
