package reseedtest

import (
	"archive/zip"
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"strconv"
	"time"

	"i2ptoolkit/pkg/netdbdir"
	"i2ptoolkit/pkg/routerinfo"
	"i2ptoolkit/pkg/su3"
)

// Signer is who signs what Bundle makes.
const Signer = "one@mail.i2p"

// Bundle makes a signed su3 file such as a reseed server gives, and its signer's certificate
// in PEM, valid for a year around now.
func Bundle(now time.Time, infos ...*routerinfo.RouterInfo) (bundle, cert []byte, err error) {
	content, err := Zip(infos...)
	if err != nil {
		return nil, nil, err
	}
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: Signer},
		NotBefore: now.AddDate(-1, 0, 0), NotAfter: now.AddDate(1, 0, 0),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, nil, err
	}
	h := su3.Header{Version: strconv.FormatInt(now.Unix(), 10), FileType: su3.ZIP, ContentType: su3.Reseed}
	bundle, err = su3.Sign(su3.Signer{ID: Signer, Key: key}, h, content)
	return bundle, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), err
}

// Zip makes a zip of RouterInfos, by the names that they have in a netDb directory.
func Zip(infos ...*routerinfo.RouterInfo) ([]byte, error) {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, ri := range infos {
		w, err := z.Create(netdbdir.FileName(ri.Hash()))
		if err == nil {
			_, err = w.Write(ri.Bytes())
		}
		if err != nil {
			return nil, err
		}
	}
	err := z.Close()
	return b.Bytes(), err
}
