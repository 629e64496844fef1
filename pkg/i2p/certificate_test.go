package i2p

import (
	"bytes"
	"testing"
)

func FuzzCertificate(f *testing.F) {
	f.Add([]byte{CertNull, 0, 0})
	f.Add([]byte{CertKey, 0, 4, 0, 7, 0, 4})
	f.Add([]byte{CertKey, 0, 8, 0, 3, 0, 0, 1, 2, 3, 4, 99})
	f.Fuzz(func(t *testing.T, b []byte) {
		c, rest, err := ParseCertificate(b)
		if err != nil {
			if c.Payload != nil || rest != nil {
				t.Fatal("an error with a result")
			}
			return
		}
		if !bytes.Equal(append(c.AppendTo(nil), rest...), b) {
			t.Fatal("does not marshal back")
		}
		c.keyTypes()
	})
}
