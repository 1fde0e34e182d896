// The certificate of a running server: there with TLS, renewed by reloads.

package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/clasp-studio/clasp/config"
	"github.com/clasp-studio/clasp/router/cert"
)

// certificates is what a server shows in TLS. Without --tls it has no keeper.
type certificates struct{ keeper *cert.Keeper }

// openCertificates loads and watches what a configuration names.
func openCertificates(l *config.Loaded, log *slog.Logger) (*certificates, error) {
	c := l.Config.TLS
	if !c.Enabled {
		return new(certificates), nil
	}
	keeper, err := cert.Open(c.Cert, c.Key, log)
	if err != nil {
		return nil, certificateProblems(l, err)
	}
	return &certificates{keeper}, nil
}

// checkCertificate says what would keep a server from starting with the files that a
// configuration names, and what it would warn of.
func checkCertificate(l *config.Loaded) (warnings []string, problems config.Problems) {
	c := l.Config.TLS
	if !c.Enabled {
		return nil, nil
	}
	doubt, err := cert.Check(c.Cert, c.Key)
	if doubt != nil {
		warnings = append(warnings, fmt.Sprintf("clients would refuse the certificate: %v", doubt))
	}
	if err != nil {
		problems = certificateProblems(l, err)
	}
	return warnings, problems
}

// certificateProblems puts an error of package cert at the place where that file was named.
func certificateProblems(l *config.Loaded, err error) config.Problems {
	path := "tls.cert"
	if errors.As(err, new(cert.KeyError)) {
		path = "tls.key"
	}
	return config.Problems{l.Problem(path, err.Error())}
}

// config is for a listener, nil for a plain one.
func (c *certificates) config() *tls.Config {
	if c.keeper == nil {
		return nil
	}
	return c.keeper.Config()
}

// scheme is that of the router's URLs.
func (c *certificates) scheme() string {
	if c.keeper == nil {
		return "ws"
	}
	return "wss"
}

// hosts are the names that the certificate gives this router.
func (c *certificates) hosts() []string {
	if c.keeper == nil {
		return nil
	}
	return c.keeper.Hosts()
}

// expires tells the metrics when the certificate ends; nil without one.
func (c *certificates) expires() func() time.Time {
	if c.keeper == nil {
		return nil
	}
	return c.keeper.Expires
}

// prepare checks the files that a configuration names; use takes them up and returns the
// options whose file holds something else. Turning TLS on or off waits for a restart, but
// that the restart would fail is said now.
func (c *certificates) prepare(next *config.Loaded) (use func() []string, warnings []string, problems config.Problems) {
	if c.keeper == nil || !next.Config.TLS.Enabled {
		warnings, problems = checkCertificate(next)
		return func() []string { return nil }, warnings, problems
	}
	swap, err := c.keeper.Prepare(next.Config.TLS.Cert, next.Config.TLS.Key)
	if err != nil {
		return nil, nil, certificateProblems(next, err)
	}
	return func() (changed []string) {
		cert, key := swap()
		if cert {
			changed = append(changed, "tls.cert")
		}
		if key {
			changed = append(changed, "tls.key")
		}
		return changed
	}, nil, nil
}

func (c *certificates) close() {
	if c.keeper != nil {
		c.keeper.Close()
	}
}
