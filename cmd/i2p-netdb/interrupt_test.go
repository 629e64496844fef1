package main

import (
	"testing"

	"i2ptoolkit/pkg/cli/clitest"
)

func TestInterrupt(t *testing.T) {
	const router = "DYNfK8Jw4dbPDCZzaEZ0GwtGUVv1ekySDJyB0pMSg3U="
	clitest.Interrupts(t, program(), nil, []string{"completion"},
		"list -", "list --json -", "list @open", "list @read", "list @zip", "list --socket @router",
		"show -", "show @open", "show @read", "show @zip", "get --socket @router "+router, "get --kind router --socket @router -o out "+router)
}
