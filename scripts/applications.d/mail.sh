# Mail, sent by SMTP and read by IMAP, as in docs/mail.md.

app_mail() {
  needs mail swaks=swaks aiosmtpd=python3-aiosmtpd doveconf=dovecot-imapd curl=curl || return 0
  local smtp imap to_smtp to_imap address users= owner
  smtp=$(port) imap=$(port) to_smtp=$(port) to_imap=$(port)
  owner=$(id -un)
  if [ "$(id -u)" = 0 ]; then
    owner=mail # dovecot reads no mail as root
    chmod 711 "$work" # dovecot's logins run as a user of their own
  else
    users="default_internal_user = $owner"$'\n'"default_login_user = $owner"
  fi
  mkdir -p "$work/dovecot-run"
  start smtp /usr/bin/python3 -m aiosmtpd -n -l "127.0.0.1:$smtp" -c aiosmtpd.handlers.Mailbox "$work/Maildir"
  cat >"$work/dovecot.conf" <<CONF
base_dir = $work/dovecot-run
log_path = $work/dovecot.log
protocols = imap
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
first_valid_uid = 1
mail_location = maildir:$work/Maildir
$users
service imap-login {
  inet_listener imap {
    port = $imap
  }
  inet_listener imaps {
    port = 0
  }
}
passdb {
  driver = static
  args = password=secret
}
userdb {
  driver = static
  args = uid=$(id -u $owner) gid=$(id -g $owner) home=$work/Maildir
}
CONF
  start dovecot dovecot -F -c "$work/dovecot.conf"
  until_true 20 listens "$smtp"
  until_true 20 listens "$imap"
  address=$(serve server smtp "$smtp" -s port=25)
  lead client smtp "$to_smtp" "$address:25"
  address=$(serve server imap "$imap" -s port=143)
  lead client imap "$to_imap" "$address:143"
  head -c 2000000 /dev/urandom >"$work/attachment"
  try mail 'SMTP: swaks sends 2 MB to aiosmtpd' mail_send "$to_smtp"
  chown -R "$owner" "$work/Maildir"
  try mail 'IMAP: curl fetches it from dovecot' mail_fetch "$to_imap"
}

mail_send() {
  timeout 60 swaks --server "127.0.0.1:$1" --helo example.i2p --from bob@example.i2p --to alice@example.i2p \
    --header 'Message-Id: <1@example.i2p>' --attach "@$work/attachment" --hide-all >&2
  sed '/^\r*$/q' "$work"/Maildir/new/* >"$work/head"
  grep -q example.i2p "$work/head"
  ! grep -Fw "$(hostname)" "$work/head" >&2
  echo 'delivered, without a name of this machine'
}

mail_fetch() {
  timeout 60 curl -sS -u alice:secret "imap://127.0.0.1:$1/INBOX;MAILINDEX=1" >"$work/fetched"
  python3 - "$work/fetched" "$work/attachment" <<'PYTHON'
import email, sys
m = email.message_from_binary_file(open(sys.argv[1], "rb"))
parts = [p.get_payload(decode=True) for p in m.walk() if not p.is_multipart()]
sys.exit(open(sys.argv[2], "rb").read() not in parts)
PYTHON
  echo 'the attachment is unharmed'
}
