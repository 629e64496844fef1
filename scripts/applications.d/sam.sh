# Libraries that speak SAM, of npm, PyPI, Go and Rust, between two routers.

app_sam() {
  local serves asks library
  serves=$(port) asks=$(port)
  speak_sam three "$serves" "127.0.0.1:$((serves - 1))"
  speak_sam four "$asks" "127.0.0.1:$((asks - 1))"
  mkdir "$work/npm"
  if command -v npm >/dev/null && (cd "$work/npm" && npm install --no-audit --no-fund @diva.exchange/i2p-sam >"$work/npm.log" 2>&1); then
    cd "$work/npm"
    try sam 'i2p-sam of npm' node "$helpers/sam.mjs" "$serves" "$((serves - 1))" "$asks" "$((asks - 1))"
    cd - >/dev/null
  else
    echo '!! SKIPPED: sam: i2p-sam cannot be installed' >&2
    rows+=('sam|i2p-sam cannot be installed|SKIPPED')
  fi
  sam_go
  sam_rust "$serves" "$asks"
  if ! python3 -m venv "$work/libraries"; then
    echo '!! SKIPPED: sam: there is no venv of Python' >&2
    rows+=('sam|there is no venv of Python|SKIPPED')
    return 0
  fi
  for library in i2plib i2psam leaflet i2p-socket; do
    if "$work/libraries/bin/pip" install -q "$library" >>"$work/pip.log" 2>&1; then
      try sam "$library of PyPI" timeout 120 "$work/libraries/bin/python" "$helpers/samlib.py" "$library" "$serves" "$((serves - 1))" "$asks" "$((asks - 1))"
    else
      echo "!! SKIPPED: sam: $library cannot be installed" >&2
      rows+=("sam|$library cannot be installed|SKIPPED")
    fi
  done
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
    echo '!! SKIPPED: sam: sam3 cannot be built, or something is at port 7656' >&2
    rows+=('sam|sam3 cannot be built, or something is at port 7656|SKIPPED')
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
    echo '!! SKIPPED: sam: yosemite cannot be built' >&2
    rows+=('sam|yosemite cannot be built|SKIPPED')
  fi
}
