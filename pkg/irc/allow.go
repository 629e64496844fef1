package irc

// fromClients are the commands of a client's that pass as they are, beside those that are looked into.
var fromClients = []string{
	"PASS", "NICK", "OPER", "AUTHENTICATE", "SETNAME",
	"JOIN", "MODE", "TOPIC", "NAMES", "LIST", "INVITE", "KICK", "KNOCK", "CYCLE",
	"MOTD", "RULES", "LUSERS", "STATS", "ADMIN", "MAP", "LINKS", "TIME", "INFO", "VERSION", "HELP", "HELPOP",
	"WHO", "WHOIS", "WHOWAS", "USERHOST", "ISON", "WATCH", "MONITOR", "SILENCE", "AWAY", "VHOST",
	"BOTSERV", "BS", "CHANSERV", "CS", "HOSTSERV", "HS", "MEMOSERV", "MS", "NICKSERV", "NS", "OPERSERV", "OS",
	"KILL", "KLINE", "GLINE", "ZLINE", "SHUN", "WALLOPS", "GLOBOPS", "SAJOIN", "SAPART", "SAMODE", "REHASH", "CHGHOST",
}

// fromServers are those of a server's, beside the numerics.
var fromServers = []string{
	"MODE", "JOIN", "NICK", "QUIT", "PART", "KICK", "TOPIC", "INVITE", "WALLOPS", "ERROR", "KILL",
	"AUTHENTICATE", "ACCOUNT", "AWAY", "CHGHOST", "SETNAME", "BATCH", "FAIL", "WARN", "NOTE", "KNOCK",
}

// capabilities are those that may be agreed upon. Not among them: sts and tls, by which a server sends
// clients to another port, beside I2P; message-tags and what stands on it, by which clients tell each
// other when somebody types; labeled-response, whose labels are taken out.
var capabilities = []string{
	"sasl", "multi-prefix", "away-notify", "account-notify", "account-tag", "extended-join", "server-time",
	"userhost-in-names", "cap-notify", "chghost", "echo-message", "invite-notify", "setname", "batch",
}

// serverTags are the tags that those bring.
var serverTags = []string{"time", "account", "msgid", "batch"}
