package forward

import (
	"i2ptoolkit/pkg/forward/plan"
	"i2ptoolkit/pkg/irc"
)

// ircClient is the filter of an IRC client's lines.
func (f *forward) ircClient(p plan.Plan) *irc.Client {
	return &irc.Client{DCC: p.IRC != nil && p.IRC.DCC}
}

// ircServer is what says to an IRC server who comes.
func (f *forward) ircServer(p plan.Plan) *irc.Server {
	s := p.IRCServer
	if s == nil {
		s = &plan.IRCServerSettings{}
	}
	return &irc.Server{WebIRC: s.WebIRC, Password: s.Password, Cloak: s.Cloak, Suffix: s.Suffix}
}
