package sam

import "context"

// authCommand is AUTH (Authorization Configuration), where the owner of the router lets applications do that.
func (c *conn) authCommand(_ context.Context, cmd Command) error {
	return c.status("AUTH STATUS", c.auth(cmd))
}

func (c *conn) auth(cmd Command) error {
	c.server.mu.Lock()
	allowed := c.server.settings.AuthCommands
	c.server.mu.Unlock()
	if !allowed {
		return refuse("I2P_ERROR", "the settings of the router do not allow AUTH (sam.auth_commands)")
	}
	users := c.client.Users()
	user, password := cmd.Args.Get("USER"), cmd.Args.Get("PASSWORD")
	switch cmd.Sub {
	case "ENABLE":
		return users.Require(true)
	case "DISABLE":
		return users.Require(false)
	case "ADD":
		if user == "" || password == "" {
			return refuse("I2P_ERROR", "USER and PASSWORD required")
		}
		return users.Add(user, password)
	case "REMOVE":
		if user == "" {
			return refuse("I2P_ERROR", "USER required")
		}
		return users.Remove(user)
	}
	return refuse("I2P_ERROR", "expected AUTH ENABLE, DISABLE, ADD or REMOVE")
}
