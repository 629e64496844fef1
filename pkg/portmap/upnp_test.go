package portmap

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"
)

const (
	device = `<root xmlns="urn:schemas-upnp-org:device-1-0"><specVersion><major>1</major><minor>0</minor></specVersion>
<device><deviceType>urn:schemas-upnp-org:device:InternetGatewayDevice:1</deviceType><serviceList><service>
<serviceType>urn:schemas-upnp-org:service:WANIPConnection:1</serviceType><serviceId>x</serviceId>
<SCPDURL>/x</SCPDURL><controlURL>/control</controlURL><eventSubURL>/x</eventSubURL></service></serviceList></device></root>`
	envelope = `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>%s</s:Body></s:Envelope>`
	fault    = `<s:Fault><faultcode>s:Client</faultcode><faultstring>UPnPError</faultstring><detail>
<UPnPError xmlns="urn:schemas-upnp-org:control-1-0"><errorCode>%d</errorCode>%s</UPnPError></detail></s:Fault>`
)

// igd is a gateway that has the port 5000 for another machine, and knows permanent mappings alone.
type igd struct {
	mapped map[string]string // external port and protocol -> lease
	client string
}

var argument = regexp.MustCompile(`<New(\w+)>([^<]*)<`)

func (g *igd) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/control" {
		io.WriteString(w, device)
		return
	}
	body, _ := io.ReadAll(r.Body)
	arg := map[string]string{}
	for _, m := range argument.FindAllStringSubmatch(string(body), -1) {
		arg[m[1]] = m[2]
	}
	_, action, _ := strings.Cut(strings.Trim(r.Header.Get("SOAPAction"), `"`), "#")
	key, code, out, why := arg["ExternalPort"]+arg["Protocol"], upnpFault(0), "", ""
	switch {
	case action == "GetExternalIPAddress":
		out = "<NewExternalIPAddress>198.51.100.7</NewExternalIPAddress>"
	case action == "DeletePortMapping":
		delete(g.mapped, key)
	case arg["InternalPort"] == "5002":
		code, why = 606, "<errorDescription>Action not authorized</errorDescription>"
	case arg["InternalPort"] == "5003":
		code, why = 501, "<errorDescription>"+strings.Repeat("\x7f", 1000)+"</errorDescription>"
	case arg["ExternalPort"] == "5000":
		code = upnpConflict
	case arg["LeaseDuration"] != "0":
		code = upnpPermanentOnly
	default:
		g.mapped[key], g.client = arg["InternalPort"], arg["InternalClient"]
	}
	text := fmt.Sprintf("<u:%sResponse xmlns:u=\"urn:schemas-upnp-org:service:WANIPConnection:1\">%s</u:%[1]sResponse>", action, out)
	if code != 0 {
		w.WriteHeader(http.StatusInternalServerError)
		text = fmt.Sprintf(fault, code, why)
	}
	fmt.Fprintf(w, envelope, text)
}

func TestUPnP(t *testing.T) {
	is := &igd{mapped: map[string]string{}}
	server := httptest.NewServer(is)
	defer server.Close()
	at, err := url.Parse(server.URL + "/device.xml")
	if err != nil {
		t.Fatal(err)
	}
	local := netip.MustParseAddr("192.168.1.2")
	g, err := upnpAt(t.Context(), at, local)
	if err != nil {
		t.Fatal(err)
	}
	where, granted, err := g.add(t.Context(), Port{TCP, 5000}, netip.MustParseAddrPort("0.0.0.0:5000"), time.Hour)
	if err != nil || where != netip.MustParseAddrPort("198.51.100.7:5001") || granted != permanent || is.mapped["5001TCP"] != "5000" || is.client != local.String() {
		t.Errorf("%v for %v, %v; the gateway has %v for %s", where, granted, err, is.mapped, is.client)
	}
	if err := g.remove(t.Context(), Mapping{Port: Port{TCP, 5000}, External: where}); err != nil || len(is.mapped) != 0 {
		t.Errorf("left: %v, %v", is.mapped, err)
	}
}

// TestRefusals: a gateway that refuses is quoted in plain words, and not at its own length.
func TestRefusals(t *testing.T) {
	server := httptest.NewServer(&igd{mapped: map[string]string{}})
	defer server.Close()
	at, err := url.Parse(server.URL + "/device.xml")
	if err != nil {
		t.Fatal(err)
	}
	g, err := upnpAt(t.Context(), at, netip.MustParseAddr("192.168.1.2"))
	if err != nil {
		t.Fatal(err)
	}
	for port, want := range map[uint16]string{
		5002: `^UPnP: the gateway answers with error 606, "Action not authorized"$`,
		5003: `^UPnP: the gateway answers with error 501, "(\\x7f){60}"$`,
	} {
		_, _, err := g.add(t.Context(), Port{UDP, port}, netip.AddrPortFrom(netip.IPv4Unspecified(), port), time.Hour)
		if err == nil || !regexp.MustCompile(want).MatchString(err.Error()) {
			t.Errorf("port %d: %v, want %s", port, err, want)
		}
	}
	for said, want := range map[string]string{
		"Non-zero result code 2 (Not Authorized/Refused)": "NAT-PMP: not authorized",
		"Non-zero result code 17":                         "NAT-PMP: result 17",
		"connection refused":                              "NAT-PMP: connection refused",
	} {
		if got := natPMPWords(errors.New(said)).Error(); got != want {
			t.Errorf("%q: %q, want %q", said, got, want)
		}
	}
}

// Nobody outside is asked, whatever a device says.
func TestUPnPElsewhere(t *testing.T) {
	for _, u := range []string{"http://8.8.8.8/device.xml", "https://192.168.1.1/", "http://gateway/", "http:"} {
		at, err := url.Parse(u)
		if err != nil {
			t.Fatal(err)
		}
		if g, err := upnpAt(context.Background(), at, netip.Addr{}); err == nil || g != nil {
			t.Errorf("%s was asked", u)
		}
	}
	asked := false
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked = true }))
	defer elsewhere.Close()
	for name, f := range map[string]http.HandlerFunc{
		"in its base": func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, strings.Replace(device, "<device>", "<URLBase>"+elsewhere.URL+"</URLBase><device>", 1))
		},
		"in a service": func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, strings.Replace(device, "/control<", elsewhere.URL+"/<", 1))
		},
		"by a redirection": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
		},
		"by one of a service": func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost {
				http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
				return
			}
			io.WriteString(w, device)
		},
	} {
		server := httptest.NewServer(f)
		at, _ := url.Parse(server.URL)
		_, err := upnpAt(context.Background(), at, netip.Addr{})
		server.Close()
		if err == nil || asked {
			t.Errorf("a device that points elsewhere %s: %v, and that was asked: %t", name, err, asked)
		}
	}
	endless := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "<root><device>")
		for r.Context().Err() == nil {
			io.WriteString(w, strings.Repeat("x", 1<<10))
		}
	}))
	defer endless.Close()
	at, _ := url.Parse(endless.URL)
	if _, err := upnpAt(t.Context(), at, netip.Addr{}); err == nil {
		t.Error("a description without an end was read")
	}
}
