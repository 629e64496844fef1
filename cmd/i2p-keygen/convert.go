package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"

	"i2ptoolkit/pkg/cli"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/sign"
)

func privCommand() *cli.Command {
	return &cli.Command{
		Name:        "priv",
		Usage:       "print a private key file in base64, as SAM takes it",
		ArgsUsage:   "[FILE|-]",
		Description: "What is printed is the secret itself.",
		Flags:       []cli.Flag{cli.OutputFlag(), cli.ForceFlag()},
		Action: func(c *cli.Context) error {
			keys, _, err := readKeys(c)
			if err != nil {
				return err
			}
			if keys == nil {
				return cli.Dataf("priv: the input is public: a private key file is needed")
			}
			return writeSecret(c, i2p.EncodeBase64(keys.AppendTo(nil))+"\n")
		},
	}
}

func convertCommand() *cli.Command {
	return &cli.Command{
		Name:      "convert",
		Usage:     "convert a key file or a destination to another form",
		ArgsUsage: "[FILE|-]",
		Description: "The input's form is recognised. dat is binary; base64 is SAM's; pem is the signing key alone, as\n" +
			"other programs read it (Ed25519 and ECDSA). Of a key file the whole secret is written.",
		Flags: []cli.Flag{
			cli.OneOf(cli.StringFlag{Name: "to", Value: "dat", Usage: "`FORM`: dat, base64 (or sam), hex, pem"}, "dat", "base64", "sam", "hex", "pem"),
			cli.OutputFlag(), cli.ForceFlag(),
		},
		Action: func(c *cli.Context) error {
			form := c.String("to")
			keys, id, err := readKeys(c)
			if err != nil {
				return err
			}
			data := id.Bytes()
			if keys != nil {
				noteReadable(c)
				data = keys.AppendTo(nil)
			}
			defer clear(data)
			switch form {
			case "hex":
				return writeText(c, hex.EncodeToString(data)+"\n")
			case "base64", "sam":
				return writeText(c, i2p.EncodeBase64(data)+"\n")
			case "pem":
				text, err := marshalPEM(keys, id)
				if err != nil {
					return cli.Dataf("convert: %w", err)
				}
				return writeText(c, text)
			}
			return cli.WriteOutput(c, data)
		},
	}
}

// marshalPEM is the signing key, PKCS #8 or SubjectPublicKeyInfo; of offline keys it is the
// transient one.
func marshalPEM(keys *i2p.PrivateKeys, id i2p.Identity) (string, error) {
	if keys == nil {
		public, err := standardPublic(id.SigningKey())
		if err != nil {
			return "", err
		}
		der, err := x509.MarshalPKIXPublicKey(public)
		return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})), err
	}
	key := keys.Signing
	if keys.Offline != nil {
		key = keys.Offline.Private
	}
	private, err := standardPrivate(key)
	if err != nil {
		return "", err
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), err
}

func ellipticCurve(t sign.Type) (elliptic.Curve, error) {
	switch t {
	case sign.ECDSA_SHA256_P256:
		return elliptic.P256(), nil
	case sign.ECDSA_SHA384_P384:
		return elliptic.P384(), nil
	case sign.ECDSA_SHA512_P521:
		return elliptic.P521(), nil
	}
	return nil, fmt.Errorf("%v: %w", t, errWrongType)
}

func standardPrivate(k sign.PrivateKey) (crypto.PrivateKey, error) {
	if k.Type() == sign.EdDSA_SHA512_Ed25519 {
		return ed25519.NewKeyFromSeed(k.Bytes()), nil
	}
	curve, err := ellipticCurve(k.Type())
	if err != nil {
		return nil, err
	}
	return ecdsa.ParseRawPrivateKey(curve, k.Bytes())
}

func standardPublic(k sign.PublicKey) (crypto.PublicKey, error) {
	if k.Type() == sign.EdDSA_SHA512_Ed25519 {
		return ed25519.PublicKey(k.Bytes()), nil
	}
	curve, err := ellipticCurve(k.Type())
	if err != nil {
		return nil, err
	}
	return ecdsa.ParseUncompressedPublicKey(curve, append([]byte{4}, k.Bytes()...))
}

// errDamaged stands for what the parsers of DER say of their own types.
var (
	errDamaged  = errors.New("the private key in PEM is damaged")
	errWrongKey = errors.New("private key of another type, expected Ed25519 or ECDSA of P-256, P-384 or P-521")
)

// parsePEM reads a private key in PKCS #8 or SEC 1.
func parsePEM(b []byte) (sign.PrivateKey, error) {
	for {
		var block *pem.Block
		if block, b = pem.Decode(b); block == nil {
			return sign.PrivateKey{}, errors.New("no private key in PEM")
		}
		switch block.Type {
		case "RSA PRIVATE KEY":
			return sign.PrivateKey{}, errWrongKey
		case "PRIVATE KEY":
			k, err := x509.ParsePKCS8PrivateKey(block.Bytes)
			if err != nil {
				return sign.PrivateKey{}, errDamaged
			}
			return fromStandard(k)
		case "EC PRIVATE KEY":
			k, err := x509.ParseECPrivateKey(block.Bytes)
			if err != nil {
				return sign.PrivateKey{}, errDamaged
			}
			return fromStandard(k)
		}
	}
}

func fromStandard(key any) (sign.PrivateKey, error) {
	switch k := key.(type) {
	case ed25519.PrivateKey:
		return sign.NewPrivateKey(sign.EdDSA_SHA512_Ed25519, k.Seed())
	case *ecdsa.PrivateKey:
		raw, err := k.Bytes()
		if err != nil {
			return sign.PrivateKey{}, err
		}
		for _, t := range []sign.Type{sign.ECDSA_SHA256_P256, sign.ECDSA_SHA384_P384, sign.ECDSA_SHA512_P521} {
			if curve, _ := ellipticCurve(t); curve == k.Curve {
				return sign.NewPrivateKey(t, raw)
			}
		}
	}
	return sign.PrivateKey{}, errWrongKey
}
