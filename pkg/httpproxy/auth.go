package httpproxy

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"

	"i2ptoolkit/pkg/httpmsg"
)

// accounts are digests of "name:password".
type accounts [][sha256.Size]byte

func newAccounts(list []Account) (a accounts) {
	for _, account := range list {
		a = append(a, sha256.Sum256([]byte(account.Name+":"+account.Password)))
	}
	return a
}

// admit tells whether a request has the credentials of an account (RFC 7617). How long it takes
// says nothing about which, or how much of it was right.
func (a accounts) admit(r *httpmsg.Request) bool {
	if len(a) == 0 {
		return true
	}
	value, n := r.Get(httpmsg.ProxyAuthorization)
	scheme, text, _ := bytes.Cut(value, []byte{' '})
	if n != 1 || !httpmsg.EqualFold(scheme, "basic") {
		return false
	}
	credentials, err := base64.StdEncoding.AppendDecode(nil, bytes.Trim(text, " "))
	if err != nil {
		return false
	}
	digest := sha256.Sum256(credentials)
	found := 0
	for i := range a {
		found |= subtle.ConstantTimeCompare(digest[:], a[i][:])
	}
	return found == 1
}
