# ssh, scp and rsync by ProxyCommand, as in docs/ssh.md.

# start_sshd runs an sshd of our own, for nobody but us, and makes it a forward; once.
start_sshd() {
  [ ! -e "$work/ssh.conf" ] || return 0
  local server
  server=$(port) sshd=$(command -v sshd || echo /usr/sbin/sshd)
  [ "$(id -u)" != 0 ] || mkdir -p /run/sshd # it wants that of root
  ssh-keygen -q -t ed25519 -N '' -f "$work/host"
  ssh-keygen -q -t ed25519 -N '' -f "$work/id"
  cat >"$work/sshd.conf" <<CONF
HostKey $work/host
AuthorizedKeysFile $work/id.pub
ListenAddress 127.0.0.1
Port $server
StrictModes no
UsePAM no
PidFile none
PermitRootLogin yes
SetEnv PATH=$PATH
Subsystem sftp internal-sftp
CONF
  cat >"$work/ssh.conf" <<CONF
Host *.i2p
  ProxyCommand i2p-tunnel connect --socket $asking %h %p
  User $(id -un)
  IdentityFile $work/id
  IdentitiesOnly yes
  UserKnownHostsFile $work/known
  StrictHostKeyChecking accept-new
  BatchMode yes
CONF
  start sshd "$sshd" -D -e -f "$work/sshd.conf"
  until_true 20 listens "$server"
  serve server ssh "$server" -s port=22 >"$work/ssh.b32"
}

app_ssh() {
  needs ssh ssh=openssh-client /usr/sbin/sshd=openssh-server || return 0
  start_sshd
  local ssh=(ssh -F "$work/ssh.conf") address inetd
  address=$(cat "$work/ssh.b32")
  head -c 20000000 /dev/urandom >"$work/data"
  try ssh 'server, connect: a command and its status' ssh_status
  try ssh '20 MB up, 20 MB down, and a file by scp' ssh_bytes
  try ssh 'a port where nobody listens' ssh_refused
  inetd=$(i2p-keygen dest -o "$work/inetd.dat")
  start inetd i2p-tunnel listen -k "$work/inetd.dat" --keep --port 22 -e "$sshd -i -e -f '$work/sshd.conf'" --socket "$serving"
  until_true 60 grep -q 'ready$' "$work/inetd.log"
  try ssh 'listen -e: an sshd for each stream' ssh_inetd
  needs rsync rsync=rsync || return 0
  try rsync '200 files, and then what has changed of them' ssh_rsync
}

ssh_status() {
  [ "$("${ssh[@]}" "$address" 'echo hello; exit 3' || echo "status $?")" = $'hello\nstatus 3' ]
  echo 'as it is there'
}

ssh_bytes() {
  local begun=$SECONDS
  "${ssh[@]}" "$address" "cat >'$work/up'" <"$work/data"
  cmp "$work/data" "$work/up"
  "${ssh[@]}" "$address" "cat '$work/data'" | cmp - "$work/data"
  scp -q -F "$work/ssh.conf" "$address:$work/data" "$work/copy"
  cmp "$work/data" "$work/copy"
  echo "unharmed, in $((SECONDS - begun)) s"
}

ssh_refused() {
  ! "${ssh[@]}" -p 23 "$address" true 2>"$work/refused"
  grep 'refused the stream' "$work/refused"
}

ssh_inetd() {
  [ "$("${ssh[@]}" "$inetd" 'cat; echo end' <<<words)" = $'words\nend' ]
}

ssh_rsync() {
  local i
  mkdir "$work/from"
  for i in $(seq 200); do head -c "$((i * 500))" /dev/urandom >"$work/from/$i"; done
  rsync -a -e "ssh -F $work/ssh.conf" "$work/from/" "$address:$work/to/"
  diff -r "$work/from" "$work/to"
  echo more >>"$work/from/7"
  rm "$work/from/8"
  rsync -a --delete -e "ssh -F $work/ssh.conf" "$work/from/" "$address:$work/to/"
  diff -r "$work/from" "$work/to"
  echo 'the same at both ends'
}
