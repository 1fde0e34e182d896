// Runs the real router with security.pairing.require_tls, and without what that needs. What stays on loopback is not asked to be
// encrypted, so it is on a network of the test's own.

package main_test

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestRequireTLS: whoever asks to be let in over TCP is sent to wss://, where an invite lets it in and others wait.
func TestRequireTLS(t *testing.T) {
	ownNetwork(t)
	dir, _, _ := initTLS(t, "--name", "10.1.0.1")
	file := filepath.Join(t.TempDir(), "clasp.yaml")
	write(t, file, "server:\n  security: {pairing: {enabled: true, require_tls: true}}\n")
	s := serve(t, []string{devicesFile(t)}, "-c", file, "--tcp", "--tls-cert", dir.file("cert.pem"), "--tls-key", dir.file("key.pem"))
	s.until(t, s.stdout.String, "router started")
	router := &pairing{s, "7330", "wss://10.1.0.1:7330"}
	m := router.machine(t)
	m.fails(t, nil, "(error 319)", "get", "/a", "--url", "tcp://10.1.0.1:7332")
	m.fails(t, nil, "(error 310)", "get", "/a", "--url", "tcp://127.0.0.1:7332")
	m.fails(t, nil, "(error 310)", "get", "/a", "--ca", dir.file("ca.pem"))
	m.pairs(t, router, "desk")
	if names := router.names(t); names != "desk" {
		t.Errorf("paired: %s", names)
	}
	link := router.invite(t, "--no-pin").Links[0].URL
	if !strings.HasPrefix(link, "https://10.1.0.1:7330/") {
		t.Errorf("the link is %s", link)
	}
	// A device that has a token comes as it likes.
	m.succeeds(t, "set", "/a", "1", "--ca", dir.file("ca.pem"))
}

// TestRequireTLSWithoutTLS: no router starts with it or takes it up, and clasp config validate says so before.
func TestRequireTLSWithoutTLS(t *testing.T) {
	const words = "server.security.pairing.require_tls: no other machine could pair"
	const wanted = "  security: {pairing: {enabled: true, require_tls: true}}\n"
	path := filepath.Join(t.TempDir(), "clasp.yaml")
	write(t, path, "server:\n"+wanted)
	if stdout, stderr, code := clasp(t, nil, "config", "validate", path); code != 78 || stdout != "" || !strings.Contains(stderr, words) {
		t.Errorf("config validate: exit code %d, %q, %q", code, stdout, stderr)
	}
	refused := serve(t, []string{devicesFile(t)}, "-c", path, "--port", "0", "--bind", "127.0.0.1")
	if code := refused.exit(t); code != 78 || !strings.Contains(refused.stderr.String(), words) {
		t.Errorf("server: exit code %d, %q", code, &refused.stderr)
	}

	s, port, file := reloadable(t, "--pairing", "--persist", "--persist-path", filepath.Join(t.TempDir(), "state.db"))
	file(wanted)
	if stdout, stderr, code := clasp(t, nil, "reload", "--port", port); code != 78 || stdout != "" || !strings.Contains(stderr, words) {
		t.Errorf("reload: exit code %d, %q, %q", code, stdout, stderr)
	}
	// With TLS it is sound, and waits with that for a restart.
	dir, _, _ := initTLS(t)
	file("  tls: {cert: " + dir.file("cert.pem") + ", key: " + dir.file("key.pem") + "}\n" + wanted)
	if stdout, stderr, code := clasp(t, nil, "reload", "--port", port); code != 0 || !strings.HasSuffix(stdout, "\nwaiting for a restart: tls.enabled, tls.cert, tls.key, security.pairing.require_tls\n") {
		t.Errorf("reload with TLS: exit code %d, %q, %q", code, stdout, stderr)
	}
	knocks(t, s.address(t), "phone") // meanwhile it goes on as before
}
