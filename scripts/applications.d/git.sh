# A repository, read and written in the ways of docs/git.md.

app_git() {
  needs git git=git || return 0
  export GIT_CONFIG_GLOBAL=$work/gitconfig GIT_CONFIG_NOSYSTEM=1
  git config --global safe.directory '*'
  local server local http proxy address key
  server=$(port) local=$(port) http=$(port) proxy=$(port)
  mkdir "$work/git"
  git clone -q --bare . "$work/git/repository.git" 2>>"$work/git.log"
  git -C "$work/git/repository.git" update-server-info
  start git-daemon git daemon --export-all --listen=127.0.0.1 --port="$server" --base-path="$work/git"
  start git-http python3 -m http.server --bind 127.0.0.1 --protocol HTTP/1.1 --directory "$work/git" "$http"
  until_true 20 listens "$server"
  until_true 20 listens "$http"
  address=$(serve server git "$server" -s port=9418)
  lead client git "$local" "$address:9418"
  try git 'git daemon by client: a clone of this repository' git_clone "git://127.0.0.1:$local/repository.git"
  printf '#!/bin/sh\nexec i2p-tunnel connect --socket "%s" "$@"\n' "$asking" >"$work/bin/git-through-i2p"
  chmod +x "$work/bin/git-through-i2p"
  git config --global core.gitProxy 'git-through-i2p for i2p'
  try git 'git daemon by core.gitProxy' git_clone "git://$address/repository.git"
  address=$(serve httpserver git-http "$http")
  lead http git-http "$proxy"
  git config --global http.http://*.b32.i2p/.proxy "http://127.0.0.1:$proxy"
  try git 'httpserver, by the HTTP proxy' git_clone "http://$address/repository.git"
  key=$(i2p-keygen dest -o "$work/git.dat")
  start git-command i2p-tunnel listen -k "$work/git.dat" --keep -e "git upload-pack '$work/git/repository.git'" --socket "$serving"
  until_true 60 grep -q 'ready$' "$work/git-command.log"
  git config --global protocol.ext.allow user
  try git 'listen -e git upload-pack, by ext::' git_clone "ext::i2p-tunnel connect --socket $asking $key"
  needs git ssh=openssh-client /usr/sbin/sshd=openssh-server || return 0
  start_sshd
  export GIT_SSH_COMMAND="ssh -F $work/ssh.conf"
  try git 'ssh: a clone, and a push of 5 MB' git_push "$(cat "$work/ssh.b32"):$work/git/repository.git"
}

git_clone() {
  rm -rf "$work/clone.git"
  timeout 120 git clone -q --bare "$1" "$work/clone.git" >&2
  git -C "$work/clone.git" fsck --connectivity-only >&2
  echo "$(du -sm "$work/clone.git" | cut -f 1) MB, whole"
}

git_push() {
  timeout 120 git clone -q "$1" "$work/tree" >&2
  head -c 5000000 /dev/urandom >"$work/tree/data"
  git -C "$work/tree" add data
  git -C "$work/tree" -c user.name=alice -c user.email=alice@example.i2p commit -qm data >&2
  timeout 120 git -C "$work/tree" push -q origin HEAD:refs/heads/pushed >&2
  git -C "$work/git/repository.git" cat-file blob pushed:data | cmp - "$work/tree/data"
  echo 'what was pushed is there'
}
