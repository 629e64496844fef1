# Java's own libraries, by I2CP: a socket manager that serves at one router, and one that asks at another.

app_i2cp() {
  local jars=${XDG_CACHE_HOME:-$HOME/.cache}/i2p-java/2.7.0 one two
  if ! scripts/java >>"$work/i2cp.log" 2>&1; then
    skip i2cp 'Java I2P cannot be had'
    return 0
  fi
  java_path=$work/classes:$(printf '%s:' "$jars"/*.jar)
  javac -d "$work/classes" -cp "$java_path" "$helpers/I2cp.java"
  one=$(port) two=$(port)
  speak_i2cp java-one "$one"
  speak_i2cp java-two "$two" "auth = true
users = [\"alice:$(printf sesame | i2p-router hash-password)\"]"
  asks=(ask 127.0.0.1 "$two" i2cp.username=alice i2cp.password=sesame)
  local address
  java_serves "$one"
  try i2cp 'Java by I2CP: streams' i2cp_asks transfer streams
  if i2pd_sam i2cp; then
    try i2cp "its lease set is found by i2pd, whose SAM opens a stream" timeout 180 python3 "$helpers/messengers.py" finds "$i2pd_tcp" "$address"
  fi
  try i2cp 'the same: pings, datagrams, message status, lookups' i2cp_asks ping datagrams status lookups limits
  if i2pd_sam i2cp; then # which knows nothing of secrets
    java_serves "$one" i2cp.leaseSetType=5
    try i2cp 'an encrypted lease set, found by i2pd' timeout 180 python3 "$helpers/messengers.py" finds "$i2pd_tcp" "$address"
  fi
  java_serves "$one" i2cp.leaseSetType=5 "i2cp.leaseSetSecret=$(printf sesame | base64)"
  try i2cp 'an encrypted lease set with a secret' i2cp_asks transfer "i2cp.leaseSetSecret=$(printf sesame | base64)"
  java_serves "$one" i2cp.leaseSetEncType=0
  try i2cp 'ElGamal with session tags' i2cp_asks transfer i2cp.leaseSetEncType=0
  i2p-keygen dest -q -o "$work/own.dat"
  i2p-keygen offline -q -o "$work/transient.dat" "$work/own.dat"
  java_serves "$one" "keys=$work/transient.dat"
  try i2cp 'a transient key, the own one being offline' i2cp_asks transfer
  java_serves "$one" i2cp.leaseSetEncType=0
  try i2cp 'a second session of one connection, with ElGamal' i2cp_asks subsession i2cp.leaseSetEncType=0
  end "$java_pid"
}

# java_serves PORT OPTION… has Java serve, in the place of one that did, and notes its address.
java_serves() {
  local at=$1
  shift
  [ -z "${java_pid:-}" ] || end "$java_pid"
  : >"$work/java-serves.log"
  start java-serves env -C "$work" java -Xmx128m -cp "$java_path" I2cp serve 127.0.0.1 "$at" "$@"
  java_pid=${pids[-1]}
  until_true 60 grep -q '^address' "$work/java-serves.log"
  address=$(sed -n 's/^address //p' "$work/java-serves.log")
}

i2cp_asks() { timeout 300 env -C "$work" java -Xmx128m -cp "$java_path" I2cp "${asks[@]}" "$address" "$@" | tee -a "$work/i2cp.log" | paste -sd ';'; }
