# Libraries that speak SAM, of npm, PyPI, Go and Rust, between two routers.

app_sam() {
  local serves asks library
  serves=$(port) asks=$(port)
  speak_sam three "$serves" "127.0.0.1:$((serves - 1))"
  speak_sam four "$asks" "127.0.0.1:$((asks - 1))"
  if of_npm sam @diva.exchange/i2p-sam; then
    between sam 'i2p-sam of npm' "$serves" "$asks" timeout 180 env -C "$work/npm" node "$helpers/sam.mjs"
  fi
  if of_pypi sam i2plib; then
    between sam 'i2plib of PyPI' "$serves" "$asks" timeout 120 "$python" "$helpers/samlib.py" i2plib
  fi
  for library in i2psam leaflet i2p-socket; do
    of_pypi sam "$library" || continue
    try sam "$library of PyPI" timeout 120 "$python" "$helpers/samlib.py" "$library" "$serves" "$((serves - 1))" "$asks" "$((asks - 1))"
  done
  sam_go
  sam_rust "$serves" "$asks"
}

# between APPLICATION WHAT TCP TCP COMMAND… runs a command with the ports of two of our routers, and then with i2pd's in the place of each.
between() {
  local what=$2 also=() one=("$3" $(($3 - 1))) two=("$4" $(($4 - 1)))
  try "$1" "$what" "${@:5}" "${one[@]}" "${two[@]}"
  i2pd_sam "$1" || return 0
  [[ $what != i2p-sam* ]] || also=(padded)
  try "$1" "$what, i2pd's asks ours" "${@:5}" "${also[@]}" "${one[@]}" "$i2pd_tcp" "$i2pd_udp"
  try "$1" "$what, ours asks i2pd's" "${@:5}" "${also[@]}" "$i2pd_tcp" "$i2pd_udp" "${two[@]}"
}

# sam_go has a program of Go's sam3 speak with a router: with one, as sam3 opens streams at 127.0.0.1:7656 and nowhere else.
sam_go() {
  mkdir "$work/sam3"
  cp "$helpers/samgo.go" "$work/sam3/main.go"
  sed -i '/^.*go:build ignore$/d' "$work/sam3/main.go"
  if (cd "$work/sam3" && go mod init samgo && go get github.com/eyedeekay/sam3@v0.33.7 && go mod tidy && CGO_ENABLED=0 go build -o samgo .) >"$work/sam3.log" 2>&1 && ! listens 7656; then
    speak_sam eleven 7656 127.0.0.1:7655
    try sam 'sam3 of Go' timeout 120 "$work/sam3/samgo" 127.0.0.1:7656 7655 127.0.0.1:7656 7655
  else
    skip sam 'sam3 cannot be built, or something is at port 7656'
  fi
}

# sam_rust TCP TCP is the same of Rust's yosemite.
sam_rust() {
  mkdir -p "$work/yosemite/src"
  cp "$helpers/samrust.rs" "$work/yosemite/src/main.rs"
  cat >"$work/yosemite/Cargo.toml" <<'TOML'
[package]
name = "samrust"
version = "0.0.1"
edition = "2021"
[dependencies]
yosemite = { version = "=0.7.0", default-features = false, features = ["sync"] }
TOML
  if command -v cargo >/dev/null && (cd "$work/yosemite" && cargo build -q) >"$work/yosemite.log" 2>&1; then
    try sam 'yosemite of Rust' timeout 120 "$work/yosemite/target/debug/samrust" "$1" $(($1 - 1)) "$2" $(($2 - 1))
  else
    skip sam 'yosemite cannot be built'
  fi
}
