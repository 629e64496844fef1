package main

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"i2ptoolkit/pkg/cli"
	"i2ptoolkit/pkg/geoip"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/routerinfo"
)

func statsCommand() *cli.Command {
	return &cli.Command{
		Name:      "stats",
		Usage:     "count what RouterInfos say: versions, capabilities, transports, addresses, ages",
		ArgsUsage: "[FILE|DIRECTORY|ZIP|SU3|-]…",
		Description: "Of each list the -n most frequent are shown. What looks like one operator with many routers is told at the end:\n" +
			"many routers at one address or in one /24, and more floodfills around one key than chance puts there. There may\n" +
			"be good reasons for each. Without files they are the routers that the running router knows.\n\n" +
			"Countries are counted where there is a database of them, in MaxMind's format (GeoLite2-Country.mmdb and its like)\n" +
			"or Tor's files geoip and geoip6: --geoip names it, else one in /var/lib/GeoIP, /usr/share/GeoIP or /usr/share/tor\n" +
			"is used. They are those that the addresses are said to be in, which is not always where their owners are.",
		Flags: append(filterFlags(), cli.RouterFlags(
			cli.Int(1, 1000, cli.IntFlag{Name: "n", Value: 10, Usage: "show the `NUMBER` most frequent of each list"}),
			&cli.StringSliceFlag{Name: "geoip", Usage: "countries are what `FILE` says; may be repeated"}, cli.JSONFlag())...),
		Action: func(c *cli.Context) error {
			now := time.Now()
			wanted, err := filters(c, now)
			if err != nil {
				return err
			}
			countries, err := openCountries(c)
			if err != nil {
				return err
			}
			if countries != nil {
				defer countries.Close()
			}
			set, err := setOf(c, c.Args().Slice(), wanted)
			if err != nil {
				return err
			}
			s := newStatistics(now, countries)
			for _, h := range slices.SortedFunc(maps.Keys(set), byHash) {
				s.add(set[h])
			}
			report := s.report(c.Int("n"))
			if c.Bool("json") {
				return cli.PrintJSON(report)
			}
			return report.print(cli.Decorates(c, os.Stdout))
		},
	}
}

// openCountries opens the database that is named, or one that the system has; nil: there is none.
func openCountries(c *cli.Context) (*geoip.Database, error) {
	files := c.StringSlice("geoip")
	if len(files) == 0 {
		if files = geoip.Find(); len(files) == 0 {
			return nil, nil
		}
		d, err := geoip.Open(files...)
		if err != nil {
			cli.Warnf(c, "without countries: %v", err)
		}
		return d, nil
	}
	d, err := geoip.Open(files...)
	return d, cli.BadData("", err)
}

func byHash(a, b i2p.Hash) int { return slices.Compare(a[:], b[:]) }

// tally counts things by their names.
type tally map[string]int

// count is a thing and how many there are.
type count struct {
	Name    string `json:"name"`
	Routers int    `json:"routers"`
}

// top are the most frequent, the first by name where there are as many.
func (t tally) top(n int) []count {
	out := []count{}
	for name, routers := range t {
		out = append(out, count{name, routers})
	}
	slices.SortFunc(out, func(a, b count) int {
		return cmp.Or(b.Routers-a.Routers, strings.Compare(a.Name, b.Name))
	})
	return out[:min(n, len(out))]
}

// over are those of which there are at least so many.
func (t tally) over(least, n int) []count {
	return slices.DeleteFunc(t.top(n), func(c count) bool { return c.Routers < least })
}

// statistics are what is counted of a set of routers.
type statistics struct {
	now                                                         time.Time
	geo                                                         *geoip.Database // nil: countries are not known
	routers, floodfills                                         int
	versions, classes, capabilities, transports, families, ages tally
	hosts, nets24, nets16, countries                            tally
	floodfillKeys                                               []i2p.Hash
}

func newStatistics(now time.Time, geo *geoip.Database) *statistics {
	return &statistics{
		now: now, geo: geo, versions: tally{}, classes: tally{}, capabilities: tally{}, transports: tally{}, families: tally{}, ages: tally{},
		hosts: tally{}, nets24: tally{}, nets16: tally{}, countries: tally{},
	}
}

func (s *statistics) add(ri *routerinfo.RouterInfo) {
	s.routers++
	if ri.IsFloodfill() {
		s.floodfills++
		s.floodfillKeys = append(s.floodfillKeys, ri.Hash())
	}
	s.versions[ri.Version()]++
	for _, l := range ri.Caps().Text {
		if strings.ContainsRune("KLMNOPX", l) {
			s.classes[string(l)]++
		} else {
			s.capabilities[string(l)]++
		}
	}
	if f := ri.Family(); f != "" {
		s.families[f]++
	}
	s.ages[ageOf(s.now.Sub(ri.Published().Time()))]++
	s.addresses(ri)
}

// addresses counts a router once for each transport, host, network and country of its.
func (s *statistics) addresses(ri *routerinfo.RouterInfo) {
	transports, hosts, nets24, nets16, countries := tally{}, tally{}, tally{}, tally{}, tally{}
	for _, a := range ri.Addresses() {
		host := a.Host()
		switch {
		case !host.IsValid():
			transports[a.Style+" without a host"] = 1
			continue
		case host.Is4():
			transports[a.Style+" over IPv4"] = 1
			nets24[network(host, 24)], nets16[network(host, 16)] = 1, 1
		default:
			transports[a.Style+" over IPv6"] = 1
			nets24[network(host, 48)], nets16[network(host, 32)] = 1, 1
		}
		hosts[host.String()] = 1
		if s.geo != nil {
			countries[cmp.Or(s.geo.Country(host), "unknown")] = 1
		}
	}
	if len(hosts) == 0 {
		transports["none that can be dialled"] = 1
	}
	for _, t := range []struct{ to, from tally }{{s.transports, transports}, {s.hosts, hosts}, {s.nets24, nets24}, {s.nets16, nets16}, {s.countries, countries}} {
		for name := range t.from {
			t.to[name]++
		}
	}
}

func network(host netip.Addr, bits int) string { return netip.PrefixFrom(host, bits).Masked().String() }

// ages are the bounds by which the dates are counted.
var ages = []struct {
	below time.Duration
	name  string
}{
	{-2 * time.Minute, "in the future"}, {time.Hour, "under 1 hour"}, {6 * time.Hour, "under 6 hours"}, {24 * time.Hour, "under 1 day"},
	{7 * 24 * time.Hour, "under 7 days"}, {30 * 24 * time.Hour, "under 30 days"},
}

func ageOf(age time.Duration) string {
	for _, a := range ages {
		if age < a.below {
			return a.name
		}
	}
	return "older"
}

// The least that is worth a word: routers at one address, in one /24 or /48, and how many
// more floodfills around a key than chance puts there, on the average of all sets once in some thousand.
const (
	manyAtHost   = 3
	manyIn24     = 5
	crowdedBits  = 6
	crowdedLeast = 4
)

// crowds are the places in the key space with more floodfills than chance puts there: with n of them
// spread evenly, one that shares log2(n)+6 bits with another is rare, three such neighbours are no chance.
func (s *statistics) crowds() tally {
	bits := crowdedBits
	for n := len(s.floodfillKeys); n > 1; n /= 2 {
		bits++
	}
	at := tally{}
	for _, k := range s.floodfillKeys {
		at[prefix(k, bits)]++
	}
	return at
}

// prefix is the beginning of a hash, of whole bits.
func prefix(h i2p.Hash, bits int) string {
	out := ""
	for i := range bits {
		out += string('0' + h[i/8]>>(7-i%8)&1)
	}
	return out
}

// report is what stats prints.
type report struct {
	Routers      int     `json:"routers"`
	Floodfills   int     `json:"floodfills"`
	Versions     []count `json:"versions"`
	Classes      []count `json:"bandwidth_classes"`
	Capabilities []count `json:"capabilities"`
	Transports   []count `json:"transports"`
	Families     []count `json:"families"`
	Ages         []count `json:"ages"`
	Countries    []count `json:"countries,omitempty"` // where there is a database
	Networks     []count `json:"networks"`            // IPv4 /16, IPv6 /32
	Hosts        []count `json:"crowded_hosts"`
	Crowded      []count `json:"crowded_networks"` // IPv4 /24, IPv6 /48
	Keys         []count `json:"crowded_keys"`     // leading bits of floodfills' hashes
}

func (s *statistics) report(n int) report {
	r := report{
		Routers: s.routers, Floodfills: s.floodfills,
		Versions: s.versions.top(n), Classes: s.classes.top(n), Capabilities: s.capabilities.top(n), Transports: s.transports.top(n),
		Families: s.families.top(n), Countries: s.countries.top(n), Networks: s.nets16.top(n),
		Hosts: s.hosts.over(manyAtHost, n), Crowded: s.nets24.over(manyIn24, n), Keys: s.crowds().over(crowdedLeast, n),
		Ages: []count{},
	}
	for _, a := range append(slices.Clone(ages), struct {
		below time.Duration
		name  string
	}{0, "older"}) {
		if routers := s.ages[a.name]; routers > 0 {
			r.Ages = append(r.Ages, count{a.name, routers})
		}
	}
	return r
}

// print shows the report, with bars where they are wanted.
func (r report) print(bars bool) error {
	t := cli.NewTable(os.Stdout)
	t.Row("routers", r.Routers)
	t.Row("floodfills", r.Floodfills)
	for _, list := range []struct {
		title  string
		counts []count
	}{
		{"VERSIONS", r.Versions}, {"BANDWIDTH CLASSES", r.Classes}, {"CAPABILITIES", r.Capabilities}, {"TRANSPORTS", r.Transports},
		{"FAMILIES", r.Families}, {"PUBLISHED", r.Ages}, {"COUNTRIES", r.Countries}, {"NETWORKS (IPv4 /16, IPv6 /32)", r.Networks},
		{"MANY AT ONE ADDRESS", r.Hosts}, {"MANY IN ONE NETWORK (IPv4 /24, IPv6 /48)", r.Crowded}, {"FLOODFILLS AROUND ONE KEY (leading bits)", r.Keys},
	} {
		if len(list.counts) == 0 {
			continue
		}
		t.Row("")
		t.Row(list.title)
		for _, c := range list.counts {
			percent := 100 * float64(c.Routers) / float64(max(r.Routers, 1))
			row := []any{"  " + cmp.Or(c.Name, "none"), c.Routers, fmt.Sprintf("%.1f%%", percent)}
			if bars {
				row = append(row, strings.Repeat("█", int(percent*40/100+0.5)))
			}
			t.Row(row...)
		}
	}
	return t.Flush()
}
