// Pairing that is to be encrypted, in a router that encrypts nothing.

package config_test

import (
	"testing"

	"github.com/clasp-studio/clasp/config"
)

// TestPairingNeedsTLS: nobody could come in, which is said at the place of the option that wants it.
func TestPairingNeedsTLS(t *testing.T) {
	const text = ": no other machine could pair: it is to do so over encrypted connections only, and without TLS there are none: " +
		"give a certificate and a key (--tls-cert and --tls-key), or leave require_tls out"
	file := write(t, "server: {security: {pairing: {enabled: true, require_tls: true}}}\n")
	sameLines(t, problems(t, flags(t, "config="+file)), []string{"test.yaml:1:59: server.security.pairing.require_tls" + text})
	// Pairing that is off needs nothing, and with TLS all is well.
	for _, more := range [][]string{{"pairing=false"}, {"tls-cert=c", "tls-key=k"}} {
		if _, err := config.Load(flags(t, append(more, "config="+file)...), nil); err != nil {
			t.Errorf("%q: %v", more, err)
		}
	}
}

// TestPairingGetsTLS: a router without TLS gets it, and pairing that needs it, when it is restarted. Until then nobody would be let
// in if it took the one and not the other.
func TestPairingGetsTLS(t *testing.T) {
	t.Chdir(t.TempDir())
	plain := taken(t, "pairing=true")
	next := taken(t, "pairing=true", "tls-cert=c", "tls-key=k")
	next.Security.Pairing.TLS = true
	live, restart := config.Changes(plain, next, nil)
	sameLines(t, live, nil)
	sameLines(t, restart, []string{"tls.enabled", "tls.cert", "tls.key", "security.pairing.require_tls"})
	if plain.WithLive(next).Security.Pairing.TLS {
		t.Error("it is in force without TLS")
	}
	// The same when it was wanted all along, and pairing comes on.
	off := plain
	off.Security.Pairing.Enabled, off.Security.Pairing.Known, off.Security.Pairing.TLS = false, true, true
	if off.WithLive(next).Security.Pairing.Enabled {
		t.Error("pairing is on without the TLS that it needs")
	}

	secure := next
	secure.Security.Pairing.TLS = false
	live, restart = config.Changes(secure, next, nil)
	sameLines(t, live, []string{"security.pairing.require_tls"})
	sameLines(t, restart, nil)
}
