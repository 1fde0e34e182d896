// What single values cannot show: contradictions between options, and files
// that are not there.

package config

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/clasp-studio/clasp/router/address"
	"github.com/clasp-studio/clasp/router/smallfile"
)

// contradictions adds a problem for every pair of options that cannot both
// hold, at the place of the one to change. An option that already has a
// problem of its own is left out.
func (l *loader) contradictions() {
	c := &l.config
	l.rule(l.checkName(), "name")
	l.rule(l.checkBind(), "bind")
	if c.QUIC.Enabled && !c.TLS.Enabled {
		l.rule("QUIC needs TLS: give a certificate and a key (--tls-cert and --tls-key), or leave QUIC out", "quic.enabled", "tls.enabled", "tls.cert", "tls.key")
	}
	switch cert, key := c.TLS.Cert != "", c.TLS.Key != ""; {
	case cert && !key:
		l.rule("a certificate without its private key: give --tls-key (tls.key) too", "tls.cert", "tls.key")
	case key && !cert:
		l.rule("a private key without its certificate: give --tls-cert (tls.cert) too", "tls.key", "tls.cert")
	case c.TLS.Enabled && !cert:
		l.rule("TLS needs a certificate and its private key: give --tls-cert and --tls-key (tls.cert, tls.key)", "tls.enabled", "tls.cert", "tls.key")
	}
	if c.Security.TokenSecret != "" && c.Security.TokenSecretFile != "" {
		l.rule("the secret is given twice: keep the file or the secret itself, not both", "security.token_secret_file", "security.token_secret")
	}
	s := c.Security
	if s.RequireAuth && s.TokenSecret == "" && s.TokenSecretFile == "" && s.TokenPublicKey == "" && !s.Pairing.Enabled && s.Pairing.File == "" {
		l.rule("nobody could ever authenticate: give a --token-secret-file, --token-secret or --token-public-key, or turn on --pairing",
			"security.require_auth", "security.token_secret", "security.token_secret_file", "security.token_public_key", "security.pairing.enabled")
	}
	asked := s.TokenIssuer != "" || s.TokenAudience != "" || len(s.RevokedTokens) > 0
	if asked && s.TokenSecret == "" && s.TokenSecretFile == "" && s.TokenPublicKey == "" && !s.Pairing.Enabled {
		l.rule("without a key no token is looked at: give a --token-secret-file, --token-secret or --token-public-key",
			"security.token_issuer", "security.token_audience", "security.revoked_tokens", "security.token_secret", "security.token_secret_file", "security.token_public_key")
	}
	if s.Pairing.Enabled && !s.RequireAuth {
		l.rule("pairing is of no use where everybody is let in: leave out require_auth, which pairing turns on, or turn pairing off",
			"security.require_auth", "security.pairing.enabled")
	}
	if c.lacksTLS() {
		l.rule("no other machine could pair: it is to do so over encrypted connections only, and without TLS there are none: give a certificate and a key (--tls-cert and --tls-key), or leave require_tls out",
			"security.pairing.require_tls", "security.pairing.enabled", "tls.enabled", "tls.cert", "tls.key")
	}
	for _, other := range []struct{ file, option, what string }{{c.Logging.File, "logging.file", "log"}, {c.Persistence.Path, "persistence.path", "database"}} {
		if s.Pairing.File != "" && other.file != "" && filepath.Clean(s.Pairing.File) == filepath.Clean(other.file) {
			l.rule("the "+other.what+" and the paired devices cannot be the same file: change one of them", "security.pairing.file", other.option)
		}
	}
	if c.Persistence.Enabled && c.Logging.File != "" && filepath.Clean(c.Persistence.Path) == filepath.Clean(c.Logging.File) {
		l.rule("the log and the database cannot be the same file: change one of them", "logging.file", "persistence.path", "persistence.enabled")
	}
	l.ports()
}

// lacksTLS reports whether devices are to pair over encrypted connections alone, and there are
// none: QUIC needs TLS on the port of WebSocket too.
func (c Config) lacksTLS() bool {
	return c.Security.Pairing.Enabled && c.Security.Pairing.TLS && !c.TLS.Enabled
}

// rule reports text at the first option of names that was given, unless text
// is empty or one of the options it weighs has no value that could be trusted.
func (l *loader) rule(text string, names ...string) {
	if text == "" {
		return
	}
	at := names[0]
	for _, name := range names {
		if l.broken[named(name)] {
			return
		}
		if l.origins[named(at)].source == fromDefault {
			at = name
		}
	}
	l.problems = append(l.problems, l.origins.problem(named(at), text))
}

func checkPattern(text string) error {
	_, err := address.Compile(text)
	return err
}

// checkText refuses what no token can hold as it is written, or what only looks like
// what it holds.
func checkText(text string) error {
	switch {
	case !utf8.ValidString(text):
		return fmt.Errorf("%q is not UTF-8 text", text)
	case strings.ContainsFunc(text, unicode.IsControl):
		return fmt.Errorf("%q has a control character in it", text)
	case strings.TrimSpace(text) != text || text == "":
		return fmt.Errorf("%q is empty or has a space at an end", text)
	default:
		return nil
	}
}

// maxName is the longest name of a router, in bytes.
const maxName = 255

// checkName refuses what clients could not decode or a terminal would act on.
func (l *loader) checkName() string {
	name := l.config.Name
	switch {
	case !utf8.ValidString(name):
		return fmt.Sprintf("%q is not UTF-8 text", name)
	case strings.ContainsFunc(name, unicode.IsControl):
		return fmt.Sprintf("%q has a control character in it", name)
	case len(name) > maxName:
		return fmt.Sprintf("a name of %d bytes: %d are the limit", len(name), maxName)
	default:
		return ""
	}
}

func (l *loader) checkBind() string {
	bind := l.config.Bind
	if _, err := netip.ParseAddr(bind); err == nil || bind == "localhost" {
		return ""
	}
	if _, err := netip.ParseAddrPort(bind); err == nil {
		return fmt.Sprintf("%q has a port in it: give only the address here and the port with --port (port)", bind)
	}
	return fmt.Sprintf("%q is not an IP address; use 0.0.0.0 for every network card (:: for IPv6 too), 127.0.0.1 for this machine only, or one card's address", bind)
}

// mdnsPort is where multicast DNS is spoken (RFC 6762 section 3). It is shared only with
// who else speaks that.
const mdnsPort = 5353

// ports finds listeners that would take each other's port. The UDP transport
// and discovery share one socket, so those two may be equal.
func (l *loader) ports() {
	c := &l.config
	type listener struct {
		what    string
		on, udp bool
		port    int
		options []string // where the port is said, and what turned it on
	}
	listeners := []listener{
		{"WebSocket", true, false, c.Port, []string{"port"}},
		{"TCP", c.TCP.Enabled, false, c.TCP.Port, []string{"tcp.port", "tcp.enabled"}},
		{"metrics", c.Metrics.Enabled, false, c.Metrics.Port, []string{"metrics.port", "metrics.enabled"}},
		{"multicast DNS", c.Discovery.MDNS.Enabled, true, mdnsPort, []string{"discovery.mdns.enabled"}},
		{"QUIC", c.QUIC.Enabled, true, c.QUIC.Port, []string{"quic.port", "quic.enabled"}},
		{"UDP", c.UDP.Enabled, true, c.UDP.Port, []string{"udp.port", "udp.enabled"}},
		{"discovery", c.Discovery.UDP.Enabled, true, c.Discovery.UDP.Port, []string{"discovery.udp.port", "discovery.udp.enabled"}},
	}
	for i, b := range listeners {
		for _, a := range listeners[:i] {
			shared := a.what == "UDP" && b.what == "discovery"
			if !a.on || !b.on || a.udp != b.udp || a.port != b.port || a.port == 0 || shared {
				continue
			}
			l.rule(fmt.Sprintf("port %d cannot serve both %s (--%s) and %s (--%s): change one of them", a.port,
				a.what, named(a.options[0]).flag, b.what, named(b.options[0]).flag),
				b.options[0], a.options[0], b.options[len(b.options)-1], a.options[len(a.options)-1])
		}
	}
}

// Missing looks for what the configuration needs of this machine and does not
// find: files that cannot be read, a place for the log. Such a
// configuration is sound, but a server would not start with it here.
func (l *Loaded) Missing() Problems {
	var missing Problems
	add := func(o *option, path string, err error) {
		missing = append(missing, l.origins.problem(o, fmt.Sprintf("%s: %v", path, err)))
	}
	for _, o := range options {
		path, ok := o.field(&l.Config).(*string)
		if !ok || !o.exists || *path == "" {
			continue
		}
		if err := readable(*path); err != nil {
			add(o, *path, err)
		}
	}
	if file := l.Config.Logging.File; file != "" {
		if info, err := os.Stat(filepath.Dir(file)); err != nil {
			add(named("logging.file"), file, fmt.Errorf("there is no directory %s; create it or choose another file", filepath.Dir(file)))
		} else if !info.IsDir() {
			add(named("logging.file"), file, fmt.Errorf("%s is not a directory", filepath.Dir(file)))
		} else if info, err := os.Stat(file); err == nil && !info.Mode().IsRegular() && info.Mode()&os.ModeCharDevice == 0 {
			add(named("logging.file"), file, errors.New("neither a regular file nor a character device; choose another file"))
		}
	}
	return missing
}

func readable(path string) error {
	text, _, err := smallfile.Read(path)
	if err == nil && len(text) == 0 {
		return errors.New("the file is empty")
	}
	return err
}
