# A news server, which is started for each stream as by inetd; and a client that posts and reads.

app_news() {
  needs news snntpd=sn nntp-push=sinntp || return 0
  local local address
  local=$(port)
  mkdir "$work/news"
  SNROOT=$work/news snnewgroup example.talk >>"$work/news.log" 2>&1
  address=$(i2p-keygen dest -o "$work/news.dat")
  start news i2p-tunnel listen -k "$work/news.dat" --keep --port 119 --socket "$serving" \
    -e "SNROOT='$work/news' TCPREMOTEIP=127.0.0.1 TCPLOCALIP=127.0.0.1 snntpd"
  until_true 60 grep -q 'ready$' "$work/news.log"
  lead client news "$local" "$address:119"
  try news 'NNTP, listen -e: sinntp posts 20 articles to sn, and reads them' news_talk "$local"
}

news_talk() {
  local i
  for i in $(seq 20); do
    {
      printf 'From: alice <alice@example.i2p>\nNewsgroups: example.talk\nSubject: %s\nMessage-ID: <%s@example.i2p>\n\n' "$i" "$i"
      head -c 3000 /dev/urandom | base64
    } >"$work/article.$i"
    timeout 60 nntp-push -S "127.0.0.1:$1" example.talk <"$work/article.$i" >&2
  done
  timeout 60 env XDG_DATA_HOME="$work" nntp-pull -S "127.0.0.1:$1" "example.talk>$work/mbox" >&2
  python3 - "$work" <<'PYTHON'
import mailbox, sys
articles = {m["Message-ID"]: m.get_payload().strip() for m in mailbox.mbox(sys.argv[1] + "/mbox")}
for i in range(1, 21):
    head, _, body = open(f"{sys.argv[1]}/article.{i}").read().partition("\n\n")
    if articles[f"<{i}@example.i2p>"] != body.strip():
        sys.exit(f"article {i} is another one")
print(f"{len(articles)} unharmed")
PYTHON
}
