package httpproxy

import (
	"context"
	"errors"

	"i2ptoolkit/pkg/destinations"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
	"i2ptoolkit/pkg/naming"
	"i2ptoolkit/pkg/netdb"
)

// step is what a request goes through until it is answered.
type step byte

const (
	stepNone step = iota
	stepName
	stepTunnels // ours, through which the rest is done
	stepLeaseSet
	stepConnect
	stepAnswer
)

// String names the step as the page does that says which one failed.
func (s step) String() string {
	return [...]string{"request", "name", "tunnels", "lease set", "connect", "answer"}[s]
}

// fault is why a request is not answered as it was meant, in words for whoever made it.
type fault struct {
	status int
	step   step
	title  string
	text   string
	retry  int    // seconds until it may be worth trying again; 0: it is not
	name   string // that jump services may know
	auth   bool   // credentials are asked for
}

// Faults of a request before anybody is asked.
var (
	faultBusy     = &fault{status: 503, title: "Too many connections", text: "This proxy has as many connections as it is allowed to have.", retry: 5}
	faultSlow     = &fault{status: 408, title: "The request did not come", text: "A request was begun, and its headers did not arrive in time."}
	faultTooLarge = &fault{status: 431, title: "The request is too large", text: "The headers of the request are larger than this proxy takes. Removing this site's cookies may help."}
	faultAccount  = &fault{status: 407, title: "Who are you?", text: "This proxy is for those who have an account with it.", auth: true}
	faultMethod   = &fault{status: 405, title: "Not this method", text: "This proxy does not pass on requests of this method."}
	faultOnly     = &fault{status: 405, title: "CONNECT only", text: "This proxy takes CONNECT requests and no others."}
	faultPrivate  = &fault{status: 403, title: "Not a place in I2P", text: "The address is one of this machine or of the networks around it, and no page reaches those through I2P."}
	faultClearnet = &fault{status: 403, title: "Not a place in I2P", text: "The address is outside of I2P, and this proxy has no outproxy for such. Nothing was sent there, and nobody was asked for its address."}
	faultPort     = &fault{status: 403, title: "Not this port", text: "CONNECT to this port is not allowed by this proxy's settings."}
)

func faultMalformed(why error) *fault {
	return &fault{status: 400, title: "This is not a request", text: "The request cannot be passed on: " + why.Error() + "."}
}

// Faults on the way, each with what there is to know of the step that failed.
var (
	faultName = fault{status: 404, step: stepName, title: "The name is not known",
		text: "No address book of this router has this name. An address that ends in .b32.i2p needs none; for a name, a jump service may know the destination."}
	faultLeaseSet = fault{status: 503, step: stepLeaseSet, title: "The site was not found", retry: 60,
		text: "The network database has no lease set of this destination: it is not connected to I2P at the moment, or has not been for the last ten minutes."}
	faultKeys = fault{status: 502, step: stepLeaseSet, title: "The site cannot be reached in its way", text: "The destination's lease set was found, and is of a kind or asks for an encryption that this router's tunnels were not opened for."}
	// Of an encrypted lease set, whose address is a b33.
	faultNotToday = fault{status: 503, step: stepLeaseSet, title: "The site was not found", retry: 60,
		text: "Nothing is published at this address. The site may be off; where a secret belongs to the address, this proxy has another one; and as the place changes with every day (UTC), a wrong clock looks in the wrong one."}
	faultSecret = fault{status: 403, step: stepLeaseSet, title: "A secret is needed",
		text: "The address says that a secret belongs to it, and this proxy has none. Its owner gives it to those who may visit, and it is set as i2cp.leaseSetSecret of this proxy."}
	faultKey = fault{status: 403, step: stepLeaseSet, title: "The site is for chosen visitors",
		text: "Its owner lets in only visitors with a key, and this proxy has none. It is set as i2cp.leaseSetPrivKey of this proxy."}
	faultOtherKey = fault{status: 403, step: stepLeaseSet, title: "The key does not fit",
		text: "The site is there, and this proxy's key (i2cp.leaseSetPrivKey) is not one of those that its owner lets in: it is another site's, or it was taken off the list."}
	faultLocked = fault{status: 502, step: stepLeaseSet, title: "The site cannot be read",
		text: "The destination's lease set was found, and what this proxy has of addresses, secrets and keys does not open it"}
	faultAlone = fault{status: 503, step: stepLeaseSet, title: "Nobody can be asked", retry: 30,
		text: "No router that could know the destination's lease set can be reached. This router may have just been started, or has no connection."}
	faultUntold = fault{status: 504, step: stepLeaseSet, title: "The site was not found", retry: 30,
		text: "None of the routers that were asked for the destination's lease set answered in time."}
	faultTunnels = fault{status: 503, step: stepTunnels, title: "There are no tunnels yet", retry: 10,
		text: "The tunnels through which this proxy reaches I2P are not built yet. After the router's start this takes up to a minute or two."}
	faultConnect = fault{status: 504, step: stepConnect, title: "The site does not answer", retry: 30,
		text: "The destination is known, and did not answer in time. It may be gone, or busy; its lease set lasts for some minutes longer than it does."}
	faultRefused = fault{status: 502, step: stepConnect, title: "The site refused", text: "The destination answered that nobody listens on this port."}
	faultReset   = fault{status: 502, step: stepConnect, title: "The site broke off", text: "The destination answered, and broke the connection off at once. It may not want to be visited by everybody."}
	faultLimit   = fault{status: 503, step: stepConnect, title: "Too many streams", retry: 5, text: "This router has as many streams as it is allowed to have."}
	faultEnding  = fault{status: 503, step: stepTunnels, title: "The router is stopping", retry: 30, text: "The router, or this proxy's destination, is about to end."}
	faultUnknown = fault{status: 502, step: stepConnect, title: "The site was not reached", text: "The connection failed."}

	faultClosed  = fault{status: 502, step: stepAnswer, title: "There was no answer", text: "The site took the request, and closed the connection without an answer."}
	faultBroken  = fault{status: 502, step: stepAnswer, title: "The connection broke", text: "The connection to the site broke off before it answered."}
	faultLate    = fault{status: 504, step: stepAnswer, title: "The site is slow", retry: 30, text: "The site took the request, and did not answer in time."}
	faultGarbage = fault{status: 502, step: stepAnswer, title: "The answer is not HTTP", text: "What the site answered is not a response that can be passed on"}

	faultOutproxy = fault{status: 502, step: stepConnect, title: "No outproxy works", retry: 60, text: "Each of this proxy's outproxies was tried, and none passed the request on."}
)

// unreached says which step of reaching a host failed. named is for hosts that are no address by
// themselves.
func unreached(err error, host string, named bool) *fault {
	f := faultUnknown
	switch {
	case errors.Is(err, destinations.ErrNoTunnels):
		f = faultTunnels
		f.text += " What is known of it: " + err.Error() + "."
	case errors.Is(err, naming.ErrUnknown), errors.Is(err, destinations.ErrNotFound) && named:
		f = faultName
		f.name = host
	case errors.Is(err, destinations.ErrNotFound) && blinded(host):
		f = faultNotToday
	case errors.Is(err, destinations.ErrNotFound):
		f = faultLeaseSet
	case errors.Is(err, leaseset.ErrSecretNeeded):
		f = faultSecret
	case errors.Is(err, leaseset.ErrKeyNeeded):
		f = faultKey
	case errors.Is(err, leaseset.ErrNotAdmitted):
		f = faultOtherKey
	case errors.Is(err, destinations.ErrLocked):
		f = faultLocked
		f.text += ": " + err.Error() + "."
	case errors.Is(err, destinations.ErrEncryption), errors.Is(err, destinations.ErrLeaseSet):
		f = faultKeys
	case errors.Is(err, destinations.ErrUnreachable):
		f = faultAlone
	case errors.Is(err, netdb.ErrNoAnswer):
		f = faultUntold
	case errors.Is(err, destinations.ErrTimeout), errors.Is(err, context.DeadlineExceeded):
		f = faultConnect
	case errors.Is(err, destinations.ErrRefused):
		f = faultRefused
	case errors.Is(err, destinations.ErrReset):
		f = faultReset
	case errors.Is(err, destinations.ErrBusy):
		f = faultLimit
	case errors.Is(err, destinations.ErrStopped), errors.Is(err, destinations.ErrClosed):
		f = faultEnding
	}
	return &f
}

// blinded tells of the address of an encrypted lease set.
func blinded(host string) bool {
	n, err := i2p.ParseName(host)
	return err == nil && n.Kind == i2p.NameBlinded
}
