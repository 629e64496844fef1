package main

import (
	"testing"

	"i2ptoolkit/pkg/cli/clitest"
)

func TestInterrupt(t *testing.T) {
	const router = "DYNfK8Jw4dbPDCZzaEZ0GwtGUVv1ekySDJyB0pMSg3U="
	clitest.Interrupts(t, program(), nil, []string{"completion"},
		"-", "--json -", "--socket @router "+router, "--leaseset --socket @router "+router, "--trace --socket @router "+router, "--socket @router --json "+router+" -",
		"book list --socket @router", "book add a.i2p -", "book remove --socket @router a.i2p", "book import -",
		"book export --socket @router", "book subscribe --socket @router", "book update --socket @router")
}
