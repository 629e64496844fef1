# Libraries that speak SAM: @diva.exchange/i2p-sam of npm and i2plib of PyPI, between two routers.

app_sam() {
  local serves asks
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
  if python3 -m venv "$work/i2plib" && "$work/i2plib/bin/python" -m pip install -q i2plib >"$work/pip.log" 2>&1; then
    try sam 'i2plib of PyPI' "$work/i2plib/bin/python" "$helpers/samlib.py" "$serves" "$asks"
  else
    echo '!! SKIPPED: sam: i2plib cannot be installed' >&2
    rows+=('sam|i2plib cannot be installed|SKIPPED')
  fi
}
