# Libraries that speak SAM, of npm and PyPI, between two routers.

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
