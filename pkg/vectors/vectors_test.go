package vectors

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

const directory = "../../docs/vectors"

// TestGenerate runs the engines on the recorded seeds and compares every byte
// of the files. UPDATE_VECTORS=1 writes them.
func TestGenerate(t *testing.T) {
	files, err := Generate()
	if err != nil {
		t.Fatal(err)
	}
	for name, f := range files {
		got, err := f.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(directory, name)
		if os.Getenv("UPDATE_VECTORS") == "1" {
			if err := os.WriteFile(path, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is not what the engines make: UPDATE_VECTORS=1 go test ./pkg/vectors writes it anew", name)
		}
	}
}
