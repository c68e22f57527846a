package app

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"time"

	"sekimori/internal/domain/audit"
	"sekimori/internal/kit/fault"
)

// machine is what the health page says of the machine itself.
func (h *house) machine(ctx context.Context) (audit.Machine, error) {
	m := audit.Machine{Free: freeBytes(h.cfg.Data), Behind: h.clock.Behind(), CertEnds: certEnds(h.cfg.TLS.Cert)}
	var err error
	if m.Backup, err = h.db.LastBackup(ctx); err != nil {
		return m, err
	}
	if m.Unmailed, err = h.unmailedCheckpoints(ctx); err != nil {
		return m, err
	}
	first, err := h.db.Record().Entry(ctx, 0)
	if f := fault.As(err); f != nil && f.Kind == fault.NotFound {
		return m, nil
	}
	if err != nil {
		return m, fmt.Errorf("read the first entry: %w", err)
	}
	m.Began = first.At
	return m, nil
}

// certEnds is when the certificate in a file runs out; the zero time when there is none
// that can be read, which the server's start complains of.
func certEnds(file string) time.Time {
	if file == "" {
		return time.Time{}
	}
	c, err := readCertificate(file)
	if err != nil {
		return time.Time{}
	}
	return c.NotAfter
}

func readCertificate(file string) (*x509.Certificate, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read certificate: %w", err)
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errors.New("read certificate: no PEM")
	}
	return x509.ParseCertificate(block.Bytes)
}
