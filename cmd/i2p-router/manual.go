package main

import (
	"fmt"
	"strings"

	"i2ptoolkit/pkg/cli"
	"i2ptoolkit/pkg/config"
)

// manual is what the man page has beside the definitions of the commands.
func manual() cli.Manual {
	return cli.Manual{
		Examples: []cli.Example{
			{What: "Run a router, and go on when it has tunnels:", Lines: []string{
				"i2p-router run --host 203.0.113.7 --port 7654 &",
				"i2p-router wait --for tunnels --timeout 2m && i2p-router status",
			}},
			{What: "Try everything without the Internet:", Lines: []string{
				"i2p-router devnet -n 8 --dir /tmp/net &",
				"i2p-router wait --for tunnels --socket /tmp/net/0/router.sock",
				"i2p-router status --socket /tmp/net/0/router.sock",
			}},
			{What: "Begin a configuration with all there is to set, and check it:", Lines: []string{
				"i2p-router config show --comments > router.toml",
				"i2p-router config check --config router.toml",
			}},
			{What: "Count the versions of the peers:", Lines: []string{"i2p-router peers --json | jq -r .version | sort | uniq -c"}},
			{What: "Look at what it counts, as Prometheus does (docs/metrics.md lists what there is):", Lines: []string{
				"i2p-router metrics | grep i2p_transit",
				"curl -s --unix-socket $XDG_RUNTIME_DIR/i2p/router.sock http://router/v1/metrics",
			}},
			{What: "Stop it within seconds; at once; or when the tunnels have ended that others have through it:", Lines: []string{
				"i2p-router stop",
				"i2p-router stop --now",
				"i2p-router stop --graceful",
			}},
		},
		Environment: []cli.Entry{
			{Term: "GOMAXPROCS", Text: "the processors to use, in place of as many as the work needs"},
			{Term: "GOMEMLIMIT", Text: "the memory that run takes before it spends processor time to take less, in place of 192MiB"},
			{Term: "NOTIFY_SOCKET", Text: "the socket at which systemd is told that the router is ready"},
		},
		Files: []cli.Entry{
			{Term: "$XDG_CONFIG_HOME/i2p/router.toml", Text: "the configuration, by default ~/.config/i2p/router.toml; see router.toml(5)"},
		},
		SeeAlso: []string{"router.toml(5)"},
	}
}

// settingsPage is the man page of router.toml.
func settingsPage() []byte {
	page := cli.NewPage("router.toml", 5)
	page.Section("NAME")
	page.Name("router.toml", "configuration of an I2P router")
	page.Section("SYNOPSIS")
	page.Item("$XDG_CONFIG_HOME/i2p/router.toml", "or ~/.config/i2p/router.toml, or what --config or I2P_CONFIG names")
	page.Section("DESCRIPTION")
	page.Text("i2p-router reads its settings from a TOML file. All keys may be left out, and so may the file; " +
		"then the defaults hold. A key that does not exist and a value that cannot be are errors, told with their line, and the router does not start. " +
		"Options of i2p-router are laid over the file.\n\n" +
		"HUP and i2p-router reload make a running router read the file again. Below each setting says when it holds then; " +
		"the router's log and i2p-router reload name those that have changed, and those that wait for the next start.\n\n" +
		"i2p-router config check reads the file and says what is wrong with it. i2p-router config show prints the settings that would hold, " +
		"and with --comments what each of them means.")
	docs, table := config.TableDocs(), "-"
	page.Section("SETTINGS")
	for _, s := range config.Settings() {
		if s.Table() != table {
			table = s.Table()
			if table == "" {
				page.Subsection("Before the first table")
			} else {
				page.Subsection("[" + table + "]")
			}
			page.Text(docs[table] + ".")
		}
		page.Item(s.Name()+" = "+s.DefaultText(), settingText(s))
	}
	page.Section("EXAMPLES")
	page.Example("A floodfill with limits, on two addresses:",
		`host = ["203.0.113.7", "2001:db8::7"]`, "port = 7654", "floodfill = true", "",
		"[bandwidth]", "in = 2048   # KBps", "out = 2048", "share = 50")
	page.Example("A router that asks one reseed server, through Tor:",
		"[reseed]", `urls = ["https://reseed.example.org/"]`, `proxy = "socks5://127.0.0.1:9050"`)
	page.SeeAlso("i2p-router(1)", "i2p-reseed(1)")
	return page.Bytes()
}

// settingText is a setting's meaning, its values and where else it can be set.
func settingText(s config.Setting) string {
	text := s.Doc + "\n\n" + strings.ToUpper(s.Type()[:1]) + s.Type()[1:] + "."
	if s.Unset != "" {
		text += fmt.Sprintf(" %s: %s.", map[bool]string{true: "0", false: "Empty"}[s.Most > 0], s.Unset)
	}
	if s.Flag != "" {
		text += " Option: --" + s.Flag + "."
	}
	text += " A reload makes it hold " + string(s.Reload) + "."
	return text
}
