package portmap

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"github.com/huin/goupnp"
	"github.com/huin/goupnp/dcps/internetgateway2"
	"github.com/huin/goupnp/httpu"
	"github.com/huin/goupnp/soap"
	"github.com/huin/goupnp/ssdp"
)

// connection is what a gateway's WANIPConnection and WANPPPConnection services have in common.
type connection interface {
	GetExternalIPAddressCtx(ctx context.Context) (string, error)
	AddPortMappingCtx(ctx context.Context, remoteHost string, external uint16, protocol string, internal uint16, client string, enabled bool, description string, lease uint32) error
	DeletePortMappingCtx(ctx context.Context, remoteHost string, external uint16, protocol string) error
	GetServiceClient() *goupnp.ServiceClient
}

// upnp is a gateway that speaks UPnP IGD.
type upnp struct {
	connection
	local netip.Addr
}

func (*upnp) name() string { return "UPnP IGD" }

// description is what the gateway's pages show, to whoever may read them, and some gateways tell a provider. It
// is what the library says by which most programs speak UPnP, where they say nothing: others' mappings
// look the same.
const description = "libminiupnpc"

// upnpFault is the number of a gateway's error.
type upnpFault int

func (n upnpFault) Error() string { return fmt.Sprintf("the gateway answers with error %d", int(n)) }

// The errors of gateways (WANIPConnection:1, AddPortMapping).
const (
	upnpConflict      upnpFault = 718
	upnpPermanentOnly upnpFault = 725
)

// permanent is how long a mapping is taken to last that has no end: it is renewed as if it had.
const permanent = time.Hour

func (g *upnp) add(ctx context.Context, p Port, wanted netip.AddrPort, life time.Duration) (at netip.AddrPort, granted time.Duration, err error) {
	text, err := g.GetExternalIPAddressCtx(ctx)
	if err != nil {
		return at, 0, upnpError(err)
	}
	host, err := netip.ParseAddr(text)
	if err != nil {
		return at, 0, fmt.Errorf("UPnP: the external address is %.40q", text)
	}
	external := wanted.Port()
	for range 4 {
		err = upnpError(g.AddPortMappingCtx(ctx, "", external, string(p.Protocol), p.Internal, g.local.String(), true, description, uint32(life/time.Second)))
		switch {
		case errors.Is(err, upnpPermanentOnly):
			life, granted = 0, permanent
		case errors.Is(err, upnpConflict): // another machine has it
			if external++; external < 1024 {
				external = 1024
			}
		default:
			if granted == 0 {
				granted = life
			}
			return netip.AddrPortFrom(host, external), granted, err
		}
	}
	return at, 0, err
}

func (g *upnp) remove(ctx context.Context, m Mapping) error {
	return upnpError(g.DeletePortMappingCtx(ctx, "", m.External.Port(), string(m.Protocol)))
}

// mostWords bounds what a gateway's own words add: they are shown to people.
const mostWords = 60

// upnpError says an error without the envelope in which it came. What the gateway answers is an upnpFault.
func upnpError(err error) error {
	var fault *soap.SOAPFaultError
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &fault):
		return fmt.Errorf("UPnP: %w", err)
	}
	said := fault.Detail.UPnPError
	if said.ErrorDescription == "" {
		return fmt.Errorf("UPnP: %w", upnpFault(said.Errorcode))
	}
	return fmt.Errorf("UPnP: %w, %.*q", upnpFault(said.Errorcode), mostWords, said.ErrorDescription)
}

// upnpFinder asks for gateways by multicast, from the address that leads outside.
func upnpFinder(local func() netip.Addr) finder {
	return func(ctx context.Context) (gateway, error) {
		from := local()
		if !from.Is4() {
			return nil, errNone
		}
		client, err := httpu.NewHTTPUClientAddr(from.String())
		if err != nil {
			return nil, err
		}
		defer client.Close()
		ctx, cancel := context.WithTimeout(ctx, upnpTime)
		defer cancel()
		search, cancel := context.WithTimeout(ctx, upnpSearchTime)
		defer cancel()
		// Later versions answer as well (UPnP Device Architecture, Search request with M-SEARCH).
		found, err := ssdp.RawSearch(search, client, "urn:schemas-upnp-org:device:InternetGatewayDevice:1", 2)
		if err != nil {
			return nil, err
		}
		err = errNone
		for _, r := range found[:min(len(found), mostDevices)] {
			at, bad := r.Location()
			if bad != nil {
				continue
			}
			var g gateway
			if g, err = upnpAt(ctx, at, from); err == nil {
				return g, nil
			}
		}
		return nil, err
	}
}

// How long looking for a gateway takes, and how many devices are asked: everybody on the local
// network can say that there are some.
const (
	upnpSearchTime = 2100 * time.Millisecond // more than the second that devices are given to answer
	upnpTime       = 4 * time.Second
	mostDevices    = 4
)

// upnpAt asks a device for its services. Only those of the local network are asked.
func upnpAt(ctx context.Context, at *url.URL, local netip.Addr) (gateway, error) {
	if !near(at) {
		return nil, errElsewhere
	}
	root, err := describe(ctx, at)
	if err != nil {
		return nil, err
	}
	var all []connection
	if c, err := internetgateway2.NewWANIPConnection2ClientsFromRootDevice(root, at); err == nil {
		all = appendConnections(all, c)
	}
	if c, err := internetgateway2.NewWANIPConnection1ClientsFromRootDevice(root, at); err == nil {
		all = appendConnections(all, c)
	}
	if c, err := internetgateway2.NewWANPPPConnection1ClientsFromRootDevice(root, at); err == nil {
		all = appendConnections(all, c)
	}
	err = errNone
	for _, c := range all[:min(len(all), mostDevices)] {
		client := c.GetServiceClient()
		if u := client.Service.ControlURL.URL; u.Scheme != at.Scheme || u.Host != at.Host {
			err = errElsewhere
			continue
		}
		client.SOAPClient.HTTPClient = asking()
		g := &upnp{connection: c, local: local}
		var text string
		if text, err = g.GetExternalIPAddressCtx(ctx); err != nil {
			continue
		}
		if _, err = netip.ParseAddr(text); err == nil { // it is connected
			return g, nil
		}
	}
	return nil, err
}

// errElsewhere means that somebody would have us ask a machine that is not his.
var errElsewhere = errors.New("UPnP: a device says that it is elsewhere")

// describe asks a device what it is.
func describe(ctx context.Context, at *url.URL) (*goupnp.RootDevice, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, at.String(), nil)
	if err != nil {
		return nil, err
	}
	client := asking()
	answer, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("UPnP: a device answers %.40q", answer.Status)
	}
	root := &goupnp.RootDevice{}
	decoder := xml.NewDecoder(answer.Body)
	decoder.DefaultSpace = goupnp.DeviceXMLNamespace
	if err := decoder.Decode(root); err != nil {
		return nil, err
	}
	base := at
	if root.URLBaseStr != "" {
		if base, err = url.Parse(root.URLBaseStr); err != nil {
			return nil, err
		}
	}
	root.SetURLBase(base)
	return root, nil
}

// asking is how devices are asked, which may be anybody's: none sends us elsewhere, by no proxy, and none says more
// than is read.
func asking() http.Client {
	return http.Client{
		Transport:     modest{&http.Transport{DisableKeepAlives: true}},
		CheckRedirect: func(*http.Request, []*http.Request) error { return errElsewhere },
	}
}

// maxDescription is more than any device has to say.
const maxDescription = 256 << 10

// modest reads so much of an answer.
type modest struct{ http.RoundTripper }

func (m modest) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := m.RoundTripper.RoundTrip(r)
	if err == nil {
		answer.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(answer.Body, maxDescription), answer.Body}
	}
	return answer, err
}

func appendConnections[C connection](all []connection, more []C) []connection {
	for _, c := range more {
		all = append(all, c)
	}
	return all
}

// near reports whether a URL is of the local network.
func near(u *url.URL) bool {
	a, err := netip.ParseAddr(u.Hostname())
	return err == nil && u.Scheme == "http" && (a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast())
}

// localAddr is the address from which a packet to there would go.
func localAddr(to netip.Addr) netip.Addr {
	conn, err := net.Dial("udp", netip.AddrPortFrom(to, 9).String()) // nothing is sent
	if err != nil {
		return netip.Addr{}
	}
	defer conn.Close()
	return conn.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap()
}
