//go:build unix

// Runs the real router with TLS and has it read its configuration again: what it says has changed, and what it refuses.

package main_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// reloadableTLS writes a configuration whose tls section is this, and returns what reloads it and expects some words of it.
func reloadableTLS(t *testing.T, section string) (s *service, reload func(section string, code int, want string)) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "clasp.yaml")
	file := func(section string) {
		t.Helper()
		write(t, path, fmt.Sprintf("server:\n  bind: 127.0.0.1\n  port: 0\n  tls: %s\n", section))
	}
	file(section)
	s = serve(t, nil, "-c", path)
	_, port, err := net.SplitHostPort(s.until(t, s.stdout.String, `wss?://(127\.0\.0\.1:\d+)/clasp`)[1])
	if err != nil {
		t.Fatal(err)
	}
	return s, func(section string, code int, want string) {
		t.Helper()
		file(section)
		out, words, got := clasp(t, nil, "reload", "--port", port)
		if got != code || !strings.Contains(out+words, want) {
			t.Errorf("tls: %s: exit code %d, %q, %q; want %d, %q", section, got, out, words, code, want)
		}
	}
}

// section is the tls section with the files of these two names.
func (f tlsFolder) section(cert, key string) string {
	return fmt.Sprintf("{cert: %s, key: %s}", f.file(cert), f.file(key))
}

// TestTLSReloadWaiting: turning TLS on or off waits for a restart, and so do its files; they are looked at all the same.
func TestTLSReloadWaiting(t *testing.T) {
	f, _, _ := initTLS(t)
	const off, waiting = "{enabled: false}", "nothing has changed\nwaiting for a restart: tls.enabled, tls.cert, tls.key\n"
	plain, reload := reloadableTLS(t, off)
	reload(f.section("cert.pem", "ca-key.pem"), 78, `clasp.yaml:4:15: server.tls.cert: the private key `+f.file("ca-key.pem")+" belongs to another certificate")
	reload(f.section("cert.pem", "cert.pem"), 78, `server.tls.key: `+f.file("cert.pem")+` holds "CERTIFICATE" and no private key`)
	for range 2 { // it goes on waiting
		reload(f.section("cert.pem", "key.pem"), 0, waiting)
	}
	reload(f.section("ca.pem", "ca-key.pem"), 0, waiting)
	plain.until(t, plain.stdout.String, `level=WARN msg="clients would refuse the certificate: the certificate \S+ca.pem is that of an authority`)
	reload(off, 0, "nothing has changed\n")

	_, reload = reloadableTLS(t, f.section("cert.pem", "key.pem"))
	reload(off, 0, waiting)
	reload(f.section("cert.pem", "key.pem"), 0, "nothing has changed\n")
	reload(f.section("ca.pem", "ca-key.pem"), 78, `server.tls.cert: the certificate `+f.file("ca.pem")+" is that of an authority")
	reload(f.section("cert.pem", "cert.pem"), 78, `server.tls.key: `+f.file("cert.pem")+` holds "CERTIFICATE" and no private key`)
}

// TestTLSReloadAfterWatch: what the router has taken up by itself is no news to a reload.
func TestTLSReloadAfterWatch(t *testing.T) {
	t.Parallel() // mostly waits for the router to look
	f, _, _ := initTLS(t)
	s, reload := reloadableTLS(t, f.section("cert.pem", "key.pem"))
	f.renewed(t)
	s.until(t, s.stdout.String, "new certificate in use")
	reload(f.section("cert.pem", "key.pem"), 0, "nothing has changed\n")
}

// TestTLSValidate: what a server would only warn of is a warning.
func TestTLSValidate(t *testing.T) {
	f, _, _ := initTLS(t)
	environ := []string{"CLASP_TLS_CERT=" + f.file("ca.pem"), "CLASP_TLS_KEY=" + f.file("ca-key.pem")}
	if _, stderr, code := clasp(t, environ, "config", "validate", "--strict"); code != 0 || !strings.Contains(stderr, "warning: clients would refuse the certificate: the certificate "+f.file("ca.pem")+" is that of an authority") {
		t.Errorf("exit code %d, %s", code, stderr)
	}
	environ[1] = "CLASP_TLS_KEY=" + f.file("ca.pem")
	if _, stderr, code := clasp(t, environ, "config", "validate"); code != 0 || !strings.Contains(stderr, "note: CLASP_TLS_KEY: "+f.file("ca.pem")+` holds "CERTIFICATE" and no private key`) {
		t.Errorf("exit code %d, %s", code, stderr)
	}
}

// TestReloadPipes: a pipe in the place of any file is refused, and the router goes on answering signals.
func TestReloadPipes(t *testing.T) {
	f, _, _ := initTLS(t)
	dir := t.TempDir()
	secret, public, config := filepath.Join(dir, "secret"), filepath.Join(dir, "token.pub"), filepath.Join(dir, "clasp.yaml")
	write(t, secret, strings.Repeat("0123456789abcdef", 4))
	if _, stderr, code := clasp(t, nil, "key", "generate", "--rsa", dir); code != 0 {
		t.Fatalf("exit code %d, %s", code, stderr)
	}
	write(t, config, fmt.Sprintf("server:\n  port: 0\n  bind: 127.0.0.1\n  tls: {cert: %s, key: %s}\n  security: {token_secret_file: %s, token_public_key: %s}\n",
		f.file("cert.pem"), f.file("key.pem"), secret, public))
	s := serve(t, nil, "-c", config)
	s.until(t, s.stdout.String, "wss://")
	for i, path := range []string{f.file("cert.pem"), f.file("key.pem"), secret, public, config} {
		if err := os.Rename(path, path+".away"); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Mkfifo(path, 0o600); err != nil {
			t.Fatal(err)
		}
		s.signal(t, syscall.SIGHUP)
		s.until(t, s.stdout.String, fmt.Sprintf(`(?s)(not a regular file.*not reloaded, the old one stays in force.*){%d}`, i+1))
		if err := os.Rename(path+".away", path); err != nil {
			t.Fatal(err)
		}
	}
	s.signal(t, syscall.SIGHUP)
	s.until(t, s.stdout.String, "configuration reloaded")
	s.signal(t, syscall.SIGTERM)
	if code := s.exit(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// TestTLSRenewOwner: the user that a router runs as goes on reading what was given to it.
func TestTLSRenewOwner(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skipf("%s: only root gives files away", t.Name())
	}
	const user, group = 12345, 23456
	f, _, _ := initTLS(t)
	if err := os.Chown(f.file("key.pem"), user, group); err != nil {
		t.Fatal(err)
	}
	before := f.read(t, "key.pem")
	f.renewed(t)
	info, err := os.Stat(f.file("key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); !ok || stat.Uid != user || stat.Gid != group || info.Mode() != 0o600 || f.read(t, "key.pem") == before {
		t.Errorf("%+v", info.Sys())
	}
}
