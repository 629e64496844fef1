package main

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"i2ptoolkit/pkg/cli"
	"i2ptoolkit/pkg/routerinfo"
)

func filterFlags() []cli.Flag {
	return []cli.Flag{
		cli.Checked(cli.StringFlag{Name: "caps", Usage: "only routers that have all of the capability `LETTERS`"}, checkCaps),
		&cli.BoolFlag{Name: "floodfill", Usage: "only floodfills"},
		cli.Checked(cli.StringFlag{Name: "version", Usage: "only routers of `VERSION`; with a final + or newer, with a final - or older"}, checkVersion),
		cli.OneOf(cli.StringFlag{Name: "transport", Usage: "only routers with an address of `NAME`: NTCP2, SSU2"}, routerinfo.StyleNTCP2, routerinfo.StyleSSU2),
		cli.Checked(cli.StringFlag{Name: "cidr", Usage: "only routers with an address in `PREFIX`, such as 203.0.113.0/24"}, checkPrefix),
		&cli.StringFlag{Name: "family", Usage: "only routers of the family `NAME`"},
		cli.Timeout(cli.DurationFlag{Name: "age", Usage: "only routers published less than `DURATION` ago", DefaultText: "any"}),
		&cli.BoolFlag{Name: "pq", Usage: "only routers that offer a post-quantum handshake"},
	}
}

func checkCaps(letters string) error {
	if strings.ContainsFunc(letters, func(r rune) bool { return (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') }) {
		return fmt.Errorf("%q are no capability letters", letters)
	}
	return nil
}

func checkVersion(text string) error {
	_, err := versionTest(text)
	return err
}

func checkPrefix(text string) error {
	if _, err := netip.ParsePrefix(text); err != nil {
		return fmt.Errorf("%q is no prefix such as 203.0.113.0/24", text)
	}
	return nil
}

// filters reads the flags into one test.
func filters(c *cli.Context, now time.Time) (func(*routerinfo.RouterInfo) bool, error) {
	var tests []func(*routerinfo.RouterInfo) bool
	add := func(test func(*routerinfo.RouterInfo) bool) { tests = append(tests, test) }
	if letters := c.String("caps"); letters != "" {
		add(func(r *routerinfo.RouterInfo) bool {
			for _, l := range letters {
				if !strings.ContainsRune(r.Caps().Text, l) {
					return false
				}
			}
			return true
		})
	}
	if c.Bool("floodfill") {
		add((*routerinfo.RouterInfo).IsFloodfill)
	}
	if text := c.String("version"); text != "" {
		test, err := versionTest(text)
		if err != nil {
			return nil, err
		}
		add(test)
	}
	if name := c.String("transport"); name != "" {
		add(anyAddress(func(a routerinfo.Address) bool { return strings.EqualFold(a.Style, name) }))
	}
	if text := c.String("cidr"); text != "" {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, err
		}
		add(anyAddress(func(a routerinfo.Address) bool { return prefix.Contains(a.Host()) }))
	}
	if name := c.String("family"); name != "" {
		add(func(r *routerinfo.RouterInfo) bool { return r.Family() == name })
	}
	if age := c.Duration("age"); age > 0 {
		add(func(r *routerinfo.RouterInfo) bool { return now.Sub(r.Published().Time()) < age })
	}
	if c.Bool("pq") {
		add(anyAddress(func(a routerinfo.Address) bool { return a.Options.Get("pq") != "" }))
	}
	return func(r *routerinfo.RouterInfo) bool {
		for _, test := range tests {
			if !test(r) {
				return false
			}
		}
		return true
	}, nil
}

func anyAddress(test func(routerinfo.Address) bool) func(*routerinfo.RouterInfo) bool {
	return func(r *routerinfo.RouterInfo) bool {
		for _, a := range r.Addresses() {
			if test(a) {
				return true
			}
		}
		return false
	}
}

// versionTest reads "0.9.65", "0.9.65+" or "0.9.65-".
func versionTest(text string) (func(*routerinfo.RouterInfo) bool, error) {
	number := strings.TrimRight(text, "+-")
	var v [3]int
	parts := strings.Split(number, ".")
	for i, p := range parts {
		n, err := strconv.Atoi(p)
		if err != nil || len(parts) != 3 || n < 0 || len(text)-len(number) > 1 {
			return nil, fmt.Errorf("%q is no version such as 0.9.68, 0.9.68+ or 0.9.68-", text)
		}
		v[i] = n
	}
	switch text[len(number):] {
	case "+":
		return func(r *routerinfo.RouterInfo) bool { return r.VersionAtLeast(v[0], v[1], v[2]) }, nil
	case "-":
		return func(r *routerinfo.RouterInfo) bool {
			return r.Version() == number || !r.VersionAtLeast(v[0], v[1], v[2])
		}, nil
	}
	return func(r *routerinfo.RouterInfo) bool { return r.Version() == number }, nil
}
