package main

import (
	"testing"

	"i2ptoolkit/pkg/cli/clitest"
)

func TestInterrupt(t *testing.T) {
	const router = "DYNfK8Jw4dbPDCZzaEZ0GwtGUVv1ekySDJyB0pMSg3U="
	clitest.Interrupts(t, program(), nil, []string{"completion", "prune"},
		"list -", "list --json -", "list @open", "list @read", "list @zip", "list --socket @router",
		"verify -", "verify @open", "verify @zip", "diff - out", "diff @open out", "diff @read", "stats -", "stats --socket @router",
		"closest "+router+" -", "closest --socket @router "+router, "export -o out -", "export -o out --socket @router", "import --to out -", "import --to out @zip", "watch @open", "watch --socket @router",
		"show -", "show @open", "show @read", "show @zip", "get --socket @router "+router, "get --trace --socket @router "+router, "explore --socket @router", "store -", "store @open", "get --kind router --socket @router -o out "+router)
}
