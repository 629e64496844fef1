# An IRC server and two users' programs, as in docs/irc.md.

app_irc() {
  needs irc ngircd=ngircd irssi=irssi sic=sic || return 0
  local server to_irc to_cloaked bare address cloaked user=
  server=$(port) to_irc=$(port) to_cloaked=$(port) bare=$(port)
  [ "$(id -u)" != 0 ] || user=$'ServerUID = nobody\nServerGID = nogroup'
  cat >"$work/ngircd.conf" <<CONF
[Global]
Name = irc.example.i2p
Info = an IRC server in I2P
Listen = 127.0.0.1
Ports = $server
MotdPhrase = hello
$user
[Options]
Ident = no
PAM = no
WebircPassword = secret
[Limits]
MaxConnectionsIP = 0
MaxPenaltyTime = 0
CONF
  start ngircd ngircd -n -f "$work/ngircd.conf"
  until_true 20 listens "$server"
  cat >"$work/irc.toml" <<CONF
[irc]
type = "ircserver"
targets = ["127.0.0.1:$server"]
ircserver = { webirc = true, password = "secret" }

[cloaked]
type = "ircserver"
targets = ["127.0.0.1:$server"]
ircserver = { webirc = true, password = "secret", cloak = "another secret" }
CONF
  i2p-tunnel add -f "$work/irc.toml" --socket "$serving" -q >>"$work/forwards.log"
  address=$(served irc)
  cloaked=$(served cloaked)
  lead irc irc "$to_irc" "$address"
  lead irc cloaked "$to_cloaked" "$cloaked"
  lead client bare "$bare" "$address"
  try irc 'irc, ircserver: irssi and sic talk in a channel of ngircd' \
    python3 "$helpers/irc.py" talk "$server" "$to_irc" "$to_cloaked" "$(forwarded "$asking" irc address)"
  try irc 'irc: CTCP and DCC of irssi and of one who asks it' python3 "$helpers/irc.py" leaks "$server" "$to_irc" none
  try irc 'the same by client, which filters nothing' python3 "$helpers/irc.py" leaks "$server" "$bare" all
}
