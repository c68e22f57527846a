package stage

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"time"
)

// certificates are the files of a made-up authority and of the one server that it knows.
type certificates struct {
	CA, Cert, Key string

	authority      *x509.Certificate
	caKey, hostKey *ecdsa.PrivateKey
	name           string
}

// certify makes an authority and a certificate for name and for localhost, and writes them into dir. They
// hold for ten years before and after now, because clocks are moved here.
func certify(dir, name string) (certificates, error) {
	out := certificates{CA: filepath.Join(dir, "ca.pem"), Cert: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem")}
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return out, fmt.Errorf("make the authority's key: %w", err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return out, fmt.Errorf("make the server's key: %w", err)
	}
	from, until := time.Now().AddDate(-10, 0, 0), time.Now().AddDate(10, 0, 0)
	authority := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Made-up Authority"}, NotBefore: from, NotAfter: until,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	caRaw, err := x509.CreateCertificate(rand.Reader, authority, authority, &caKey.PublicKey, caKey)
	if err != nil {
		return out, fmt.Errorf("make the authority: %w", err)
	}
	out.authority, out.caKey, out.hostKey, out.name = authority, caKey, key, name
	raw, err := out.certificate(from, until)
	if err != nil {
		return out, err
	}
	keyRaw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return out, fmt.Errorf("write the server's key: %w", err)
	}
	for _, f := range []struct {
		file, kind string
		raw        []byte
	}{{out.CA, "CERTIFICATE", caRaw}, {out.Cert, "CERTIFICATE", raw}, {out.Key, "PRIVATE KEY", keyRaw}} {
		var b bytes.Buffer
		if err := pem.Encode(&b, &pem.Block{Type: f.kind, Bytes: f.raw}); err != nil {
			return out, fmt.Errorf("write certificates: %w", err)
		}
		if err := os.WriteFile(f.file, b.Bytes(), 0o600); err != nil {
			return out, fmt.Errorf("write certificates: %w", err)
		}
	}
	return out, nil
}

// certificate gives the server one that holds from a time until another, as DER.
func (c certificates) certificate(from, until time.Time) ([]byte, error) {
	raw, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: c.name}, DNSNames: []string{c.name, "localhost"}, NotBefore: from, NotAfter: until,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, c.authority, &c.hostKey.PublicKey, c.caKey)
	if err != nil {
		return nil, fmt.Errorf("make the certificate: %w", err)
	}
	return raw, nil
}
