// Package geoip tells the countries of addresses by a database that the user has: one in MaxMind's format, as
// GeoLite2-Country.mmdb, DB-IP's and the one that Java I2P brings along, or Tor's text files geoip and geoip6.
package geoip

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/oschwald/maxminddb-golang/v2"
)

// Database is what Open read of one or several files.
type Database struct {
	readers []*maxminddb.Reader
	ranges  []span // sorted
}

// span are the addresses from first to last.
type span struct {
	first, last netip.Addr
	country     string
}

// ErrFormat means that a file is no database that is known here.
var ErrFormat = errors.New("neither a database in MaxMind's format nor lines such as 16777216,16777471,AU")

// usual are where systems have databases, the best first; of each line all are taken.
var usual = [][]string{
	{"/var/lib/GeoIP/GeoLite2-Country.mmdb"},
	{"/usr/share/GeoIP/GeoLite2-Country.mmdb"},
	{"/usr/local/share/GeoIP/GeoLite2-Country.mmdb"},
	{"/usr/share/GeoIP/dbip-country-lite.mmdb"},
	{"/usr/share/i2p/geoip/GeoLite2-Country.mmdb"},
	{"/usr/share/tor/geoip", "/usr/share/tor/geoip6"},
	{"/usr/local/share/tor/geoip", "/usr/local/share/tor/geoip6"},
	{"/opt/homebrew/share/tor/geoip", "/opt/homebrew/share/tor/geoip6"},
}

// Find gives the files of the database that this system has in one of the usual places, if any.
func Find() []string { return findIn("/") }

func findIn(root string) []string {
	for _, line := range usual {
		var found []string
		for _, name := range line {
			name = filepath.Join(root, name)
			if info, err := os.Stat(name); err == nil && info.Mode().IsRegular() {
				found = append(found, name)
			}
		}
		if len(found) > 0 {
			return found
		}
	}
	return nil
}

// Open reads files of either kind. Where several know an address, one in MaxMind's format says, the first one.
func Open(names ...string) (*Database, error) {
	d := &Database{}
	for _, name := range names {
		if err := d.open(name); err != nil {
			d.Close()
			return nil, err
		}
	}
	slices.SortStableFunc(d.ranges, func(a, b span) int { return a.first.Compare(b.first) })
	return d, nil
}

func (d *Database) open(name string) error {
	info, err := os.Stat(name)
	if err != nil {
		return fmt.Errorf("geoip: %w", err)
	}
	if !info.Mode().IsRegular() { // a pipe could keep us waiting for ever
		return fmt.Errorf("geoip: %s: no regular file", name)
	}
	if reader, err := maxminddb.Open(name); err == nil {
		d.readers = append(d.readers, reader)
		return nil
	}
	f, err := os.Open(name)
	if err != nil {
		return fmt.Errorf("geoip: %w", err)
	}
	defer f.Close()
	spans, err := parseText(f)
	if err != nil {
		return fmt.Errorf("geoip: %s: %w", name, err)
	}
	d.ranges = append(d.ranges, spans...)
	return nil
}

// Close gives the files back.
func (d *Database) Close() error {
	var errs []error
	for _, r := range d.readers {
		errs = append(errs, r.Close())
	}
	d.readers = nil
	return errors.Join(errs...)
}

// paths are where databases in MaxMind's format keep the code of a country: that of the address, that where it
// is registered (a satellite's or an anycast address has no other), and as flat databases have it.
var paths = [][]any{{"country", "iso_code"}, {"registered_country", "iso_code"}, {"country_code"}}

// Country is the code of an address's country, two capital letters, or "" where it is not known.
func (d *Database) Country(a netip.Addr) string {
	a = a.Unmap().WithZone("")
	for _, r := range d.readers {
		result := r.Lookup(a)
		for _, path := range paths {
			var code string
			if result.DecodePath(&code, path...) == nil && isCode(code) {
				return code
			}
		}
	}
	i, found := slices.BinarySearchFunc(d.ranges, a, func(s span, a netip.Addr) int { return s.first.Compare(a) })
	if !found {
		i-- // the last that begins before it
	}
	if i < 0 || cmp.Compare(d.ranges[i].first.BitLen(), a.BitLen()) != 0 || d.ranges[i].last.Less(a) {
		return ""
	}
	return d.ranges[i].country
}

func isCode(s string) bool {
	return len(s) == 2 && s[0] >= 'A' && s[0] <= 'Z' && s[1] >= 'A' && s[1] <= 'Z'
}

// parseText reads Tor's files: lines of a first and a last address and a country. IPv4 addresses are numbers,
// IPv6 addresses are written as such. A # begins a comment; ?? is an unknown country.
func parseText(r io.Reader) ([]span, error) {
	var out []span
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		fields := strings.Split(line, ",")
		if len(fields) != 3 {
			return nil, fmt.Errorf("line %d: %w", n, ErrFormat)
		}
		first, last := address(fields[0]), address(fields[1])
		country := strings.ToUpper(fields[2])
		if !first.IsValid() || first.BitLen() != last.BitLen() || last.Less(first) || !isCode(country) && country != "??" {
			return nil, fmt.Errorf("line %d: %w", n, ErrFormat)
		}
		if country != "??" {
			out = append(out, span{first, last, country})
		}
	}
	if err := lines.Err(); errors.Is(err, bufio.ErrTooLong) {
		return nil, ErrFormat
	} else if err != nil {
		return nil, err
	}
	if len(out) == 0 {
		return nil, ErrFormat
	}
	return out, nil
}

// address reads one that is a number or written out; what is neither is not valid.
func address(s string) netip.Addr {
	if n, err := strconv.ParseUint(s, 10, 32); err == nil {
		return netip.AddrFrom4([4]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})
	}
	a, err := netip.ParseAddr(s)
	if err != nil || a.Zone() != "" {
		return netip.Addr{}
	}
	return a
}
