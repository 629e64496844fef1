package bob

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/door"
)

// conversation is one command connection.
type conversation struct {
	s      *Server
	ctx    context.Context
	client *door.Client
	work   func(f func()) // has f run when it is the connection's turn
	t      *tunnel        // of the nickname that was set last; nil: none
	over   bool
	shown  map[string]func() // what takes the tunnels that were started here off the door's list
}

// command is what a client can say.
type command struct {
	name, help string
	do         func(c *conversation, args []string) ([]string, error)
	waits      bool // for the network
}

// commands are in the order of the list that help gives.
func commands() []command {
	return []command{
		{"clear", "clear * Forget the current nickname, which must not be active.", (*conversation).clear, false},
		{"getdest", "getdest * Give the destination of the current nickname.", (*conversation).getDest, false},
		{"getkeys", "getkeys * Give the keys of the current nickname.", (*conversation).getKeys, false},
		{"getnick", "getnick tunnelname * Go on with a nickname that is there.", (*conversation).getNick, false},
		{"inhost", "inhost hostname | IP * Set where the inbound port is: an address of this machine.", (*conversation).inHost, false},
		{"inport", "inport port_number * Set the port at which programs say whom they want.", (*conversation).inPort, false},
		{"list", "list * List all tunnels.", (*conversation).list, false},
		{"lookup", "lookup address * Give the destination of a name or a b32 address.", (*conversation).lookup, true},
		{"lookuplocal", "lookuplocal name * Give the destination that the address books of this router have for a name.", (*conversation).lookupLocal, false},
		{"newkeys", "newkeys [signature_type] * Make keys for the current nickname.", (*conversation).newKeys, false},
		{"option", "option name=value ... * Set options of I2CP and streaming, without spaces.", (*conversation).option, false},
		{"outhost", "outhost hostname | IP * Set where the server is that peers are joined to.", (*conversation).outHost, false},
		{"outport", "outport port_number * Set the port of that server.", (*conversation).outPort, false},
		{"ping", "ping address * Measure a round trip.", (*conversation).ping, true},
		{"quiet", "quiet [true | false] * Do not tell the server first who the peer is.", (*conversation).quiet, false},
		{"quit", "quit * End this connection. Tunnels stay.", (*conversation).quit, false},
		{"setkeys", "setkeys BASE64_keys * Set the keys of the current nickname.", (*conversation).setKeys, false},
		{"setnick", "setnick nickname * Make a nickname, or begin one anew.", (*conversation).setNick, false},
		{"show", "show * Show the current nickname.", (*conversation).show, false},
		{"showprops", "showprops * Show the options of the current nickname.", (*conversation).showProps, false},
		{"start", "start * Start the tunnel of the current nickname.", (*conversation).start, true},
		{"status", "status nickname * Show a nickname.", (*conversation).status, false},
		{"stop", "stop * Stop the tunnel of the current nickname.", (*conversation).stop, false},
		{"verify", "verify BASE64_key * Tell whether a destination is well formed.", (*conversation).verify, false},
		{"visit", "visit * Nothing, here.", func(*conversation, []string) ([]string, error) { return []string{"OK"}, nil }, false},
		{"zap", "zap * End this connection. The router's owner stops the bridge.", (*conversation).zap, false},
	}
}

// do carries out a line, and returns the lines of the answer. An empty line has none.
func (c *conversation) do(line string) (lines []string) {
	words := strings.Fields(line)
	if len(words) == 0 {
		return nil
	}
	name := strings.ToLower(words[0])
	if name == "help" {
		c.work(func() { lines = help(words[1:]) })
		return lines
	}
	for _, cmd := range commands() {
		if cmd.name == name {
			lines, err := c.carryOut(cmd, words[1:])
			if err != nil {
				return []string{"ERROR " + spoken(err)}
			}
			return lines
		}
	}
	c.work(func() {})
	return []string{"ERROR UNKNOWN COMMAND! Try help"}
}

// carryOut does a command when it is the connection's turn.
func (c *conversation) carryOut(cmd command, args []string) (lines []string, err error) {
	if cmd.waits {
		c.work(func() {})
		return cmd.do(c, args)
	}
	c.work(func() { lines, err = cmd.do(c, args) })
	return lines, err
}

// help gives the list, one command's line, or, for what there is not, nothing: it is for people.
func help(args []string) []string {
	all := "OK COMMANDS: help"
	for _, cmd := range commands() {
		if len(args) > 0 && strings.EqualFold(args[0], cmd.name) {
			return []string{"OK " + cmd.help}
		}
		all += " " + cmd.name
	}
	if len(args) > 0 {
		return nil
	}
	return []string{all}
}

// spoken is an error in the words that programs compare: Java I2P's.
func spoken(err error) string {
	switch {
	case errors.Is(err, errNoKeys):
		return "keys not set."
	case errors.Is(err, errNotFound):
		return "Address Not found"
	}
	return err.Error()
}

var (
	errNoNick     = errors.New("no nickname has been set")
	errActive     = errors.New("tunnel is active")
	errInactive   = errors.New("tunnel is inactive")
	errNoKeys     = errors.New("keys not set")
	errIncomplete = errors.New("tunnel settings incomplete")
	errPort       = errors.New("port out of range")
	errNumber     = errors.New("not a number")
	errEnding     = errors.New("the router is stopping")
	errFull       = errors.New("too many nicknames")
	errNotFound   = errors.New("address not found")
)

// change changes the current tunnel where it is not active.
func (c *conversation) change(f func(t *tunnel) (string, error)) ([]string, error) {
	if c.t == nil {
		return nil, errNoNick
	}
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	if c.t.state != stopped {
		return nil, errActive
	}
	said, err := f(c.t)
	return []string{"OK " + said}, err
}

// look reads the current tunnel.
func (c *conversation) look(f func(t *tunnel) (string, error)) ([]string, error) {
	if c.t == nil {
		return nil, errNoNick
	}
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	said, err := f(c.t)
	return []string{"OK " + said}, err
}

func first(args []string) string {
	if len(args) == 0 {
		return ""
	}
	return args[0]
}

func (c *conversation) setNick(args []string) ([]string, error) {
	name := first(args)
	if name == "" || len(name) > maxNick {
		return nil, errNoNick
	}
	t, err := c.s.create(name)
	if err != nil {
		return nil, err
	}
	c.t = t
	return []string{"OK Nickname set to " + name}, nil
}

func (c *conversation) getNick(args []string) ([]string, error) {
	t := c.s.find(first(args))
	if t == nil {
		return nil, errNoNick
	}
	c.t = t
	return []string{"OK Nickname set to " + t.name}, nil
}

func (c *conversation) clear([]string) ([]string, error) {
	said, err := c.change(func(t *tunnel) (string, error) {
		if c.s.tunnels[t.name] == t {
			delete(c.s.tunnels, t.name)
		}
		return "cleared", nil
	})
	if err == nil {
		c.t = nil
	}
	return said, err
}

func (c *conversation) show([]string) ([]string, error) {
	return c.look(func(t *tunnel) (string, error) { return t.describe(), nil })
}

func (c *conversation) showProps([]string) ([]string, error) {
	return c.look(func(t *tunnel) (string, error) {
		var all []string
		for _, name := range slices.Sorted(maps.Keys(t.options)) {
			all = append(all, name+"="+t.options[name])
		}
		return "PROPERTIES: {" + strings.Join(all, ", ") + "}", nil
	})
}

func (c *conversation) status(args []string) ([]string, error) {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	t := c.s.tunnels[first(args)]
	if t == nil {
		return nil, errNoNick
	}
	return []string{"OK DATA " + t.describe()}, nil
}

func (c *conversation) list([]string) ([]string, error) {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(c.s.tunnels)) {
		lines = append(lines, "DATA "+c.s.tunnels[name].describe())
	}
	return append(lines, "OK Listing done"), nil
}

func (c *conversation) start([]string) ([]string, error) {
	if c.t == nil {
		return nil, errIncomplete
	}
	address, err := c.s.start(c.ctx, c.t)
	if err != nil {
		return nil, err
	}
	if off := c.shown[c.t.name]; off != nil {
		off()
	}
	c.shown[c.t.name] = c.client.Session(control.DoorSession{ID: c.t.name, Style: "tunnel", B32: address})
	return []string{"OK tunnel starting"}, nil
}

func (c *conversation) stop([]string) ([]string, error) {
	if c.t == nil {
		return nil, errNoNick
	}
	if !c.s.stop(c.t) {
		return nil, errInactive
	}
	return []string{"OK tunnel stopping"}, nil
}

func (c *conversation) quit([]string) ([]string, error) {
	c.over = true
	return []string{"OK Bye!"}, nil
}

// zap says nothing. In Java I2P it ends the bridge for all programs, which is the owner's to decide.
func (c *conversation) zap([]string) ([]string, error) {
	c.over = true
	return nil, nil
}
