// Runs the real program to make certificates; what they are good for is in certs_test.go.

package main_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// tlsFolder is a folder that clasp tls init has filled.
type tlsFolder string

func (f tlsFolder) file(name string) string { return filepath.Join(string(f), name) }

// initTLS makes one with further arguments, and returns what was printed.
func initTLS(t *testing.T, args ...string) (f tlsFolder, stdout, stderr string) {
	t.Helper()
	f = tlsFolder(filepath.Join(t.TempDir(), "tls"))
	stdout, stderr, code := clasp(t, nil, append([]string{"tls", "init", "--dir", string(f)}, args...)...)
	if code != 0 {
		t.Fatalf("exit code %d\n%s", code, stderr)
	}
	return f, stdout, stderr
}

// renewed makes a new certificate in place of the old.
func (f tlsFolder) renewed(t *testing.T, args ...string) {
	t.Helper()
	if _, stderr, code := clasp(t, nil, append([]string{"tls", "init", "--renew", "--dir", string(f)}, args...)...); code != 0 {
		t.Fatalf("exit code %d\n%s", code, stderr)
	}
}

func (f tlsFolder) read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(f.file(name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func (f tlsFolder) certificate(t *testing.T, name string) *x509.Certificate {
	t.Helper()
	block, _ := pem.Decode([]byte(f.read(t, name)))
	if block == nil {
		t.Fatalf("%s is not PEM", name)
	}
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// trust is a client that trusts the folder's authority.
func (f tlsFolder) trust(t *testing.T) *tls.Config {
	t.Helper()
	roots := x509.NewCertPool()
	roots.AddCert(f.certificate(t, "ca.pem"))
	return &tls.Config{RootCAs: roots}
}

// good reports whether the folder's certificate is for host.
func (f tlsFolder) good(t *testing.T, host string) bool {
	t.Helper()
	_, err := f.certificate(t, "cert.pem").Verify(x509.VerifyOptions{Roots: f.trust(t).RootCAs, DNSName: host})
	return err == nil
}

func TestTLSInit(t *testing.T) {
	f, stdout, stderr := initTLS(t, "--name", "Router.studio.lan", "--name", "10.99.0.5")
	if want := "clasp server --tls-cert " + f.file("cert.pem") + " --tls-key " + f.file("key.pem") + "\n"; stdout != want {
		t.Errorf("stdout %q, want %q", stdout, want)
	}
	for _, want := range []string{"NODE_EXTRA_CA_CERTS=", "SSL_CERT_FILE=", "update-ca-certificates", "update-ca-trust", "add-trusted-cert", "certutil -addstore",
		"Firefox", "iOS", "Android", "clasp sub --ca", f.file("ca-key.pem"), "--renew", "10.99.0.5"} {
		if !strings.Contains(stderr, want) {
			t.Errorf("the words do not say %s:\n%s", want, stderr)
		}
	}
	if strings.Contains(stderr, "%!") || !regexp.MustCompile(`(?m)^  ([0-9A-F]{2}:){31}[0-9A-F]{2}$`).MatchString(stderr) {
		t.Errorf("no fingerprint, or a slip of the format:\n%s", stderr)
	}
	if runtime.GOOS != "windows" {
		for name, want := range map[string]os.FileMode{"ca.pem": 0o644, "ca-key.pem": 0o600, "cert.pem": 0o644, "key.pem": 0o600} {
			if info, err := os.Stat(f.file(name)); err != nil || info.Mode() != want {
				t.Errorf("%s: %v, %v, want %v", name, info.Mode(), err, want)
			}
		}
	}
	name, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	short, _, _ := strings.Cut(name, ".")
	hosts := []string{name, short + ".local", "localhost", "127.0.0.1", "::1", "router.studio.lan", "10.99.0.5"}
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addresses {
		if n, ok := a.(*net.IPNet); ok && n.IP.To4() != nil {
			hosts = append(hosts, n.IP.String())
		}
	}
	for _, host := range hosts {
		if !f.good(t, host) {
			t.Errorf("not good for %s", host)
		}
	}
	if f.good(t, "10.99.0.6") {
		t.Error("good for an address that was not given")
	}
	c := f.certificate(t, "cert.pem")
	if got := slices.Compact(slices.Sorted(slices.Values(c.DNSNames))); len(got) != len(c.DNSNames) {
		t.Errorf("names come twice: %q", c.DNSNames)
	}
	if left := time.Until(c.NotAfter).Hours() / 24; left < 396 || left > 397 {
		t.Errorf("good for %v days", left)
	}
}

// TestTLSInitKeeps: nothing is overwritten, and nothing is left half done.
func TestTLSInitKeeps(t *testing.T) {
	for _, there := range []string{"ca.pem", "ca-key.pem", "cert.pem", "key.pem"} {
		dir := t.TempDir()
		write(t, filepath.Join(dir, there), "mine")
		stdout, stderr, code := clasp(t, nil, "tls", "init", "--dir", dir)
		if code != 1 || stdout != "" || !strings.Contains(stderr, filepath.Join(dir, there)+" already exists and is left as it is: make a new certificate by the same authority with --renew") {
			t.Errorf("%s: exit code %d, %q\n%s", there, code, stdout, stderr)
		}
		if files, err := os.ReadDir(dir); err != nil || len(files) != 1 {
			t.Errorf("%s: left %v, %v", there, files, err)
		}
		if text := tlsFolder(dir).read(t, there); text != "mine" {
			t.Errorf("%s has become %q", there, text)
		}
	}
}

// TestTLSRenew: the authority stays, and so do the names the old certificate had.
func TestTLSRenew(t *testing.T) {
	f, _, _ := initTLS(t, "--name", "old.lan", "--days", "3")
	ca, caKey, key, number := f.read(t, "ca.pem"), f.read(t, "ca-key.pem"), f.read(t, "key.pem"), f.certificate(t, "cert.pem").SerialNumber
	if runtime.GOOS != "windows" { // somebody has let the router's group read it
		if err := os.Chmod(f.file("key.pem"), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	f.renewed(t, "--name", "new.lan")
	if f.read(t, "ca.pem") != ca || f.read(t, "ca-key.pem") != caKey {
		t.Error("the authority has changed")
	}
	if f.read(t, "key.pem") == key || f.certificate(t, "cert.pem").SerialNumber.Cmp(number) == 0 {
		t.Error("the certificate or its key is the old one")
	}
	if !f.good(t, "old.lan") || !f.good(t, "new.lan") || !f.good(t, "localhost") {
		t.Errorf("good for %q", f.certificate(t, "cert.pem").DNSNames)
	}
	if info, err := os.Stat(f.file("key.pem")); err != nil || runtime.GOOS != "windows" && info.Mode() != 0o640 {
		t.Errorf("the key: %v, %v; it was 0640", info.Mode(), err)
	}
	if files, err := os.ReadDir(string(f)); err != nil || len(files) != 4 {
		t.Errorf("left %v, %v", files, err)
	}

	for _, name := range []string{"cert.pem", "key.pem"} {
		if err := os.Remove(f.file(name)); err != nil {
			t.Fatal(err)
		}
	}
	f.renewed(t)
	if !f.good(t, "localhost") || f.good(t, "old.lan") {
		t.Errorf("without an old one: good for %q", f.certificate(t, "cert.pem").DNSNames)
	}

	before := f.read(t, "cert.pem")
	write(t, f.file("ca-key.pem"), key)
	if _, stderr, code := clasp(t, nil, "tls", "init", "--renew", "--dir", string(f)); code != 1 || !strings.Contains(stderr, "ca-key.pem belongs to another certificate than") {
		t.Errorf("another authority's key: exit code %d, %s", code, stderr)
	}
	if f.read(t, "cert.pem") != before {
		t.Error("the certificate has changed all the same")
	}
	if _, stderr, code := clasp(t, nil, "tls", "init", "--renew", "--dir", t.TempDir()); code != 1 || !strings.Contains(stderr, "there is no authority to renew with") {
		t.Errorf("an empty folder: exit code %d, %s", code, stderr)
	}
}

func TestTLSUsage(t *testing.T) {
	for args, want := range map[string]string{
		"--name wss://studio:7330": `--name: "wss://studio:7330" is neither an IP address nor the name of a host`,
		"--name fe80::1%eth0":      "a certificate cannot name a network card",
		"--days 398":               "--days: 398 is not between 1 and 397",
		"--days 0":                 "--days: 0 is not between 1 and 397",
		"here":                     `unexpected argument "here"`,
	} {
		dir := filepath.Join(t.TempDir(), "tls")
		_, stderr, code := clasp(t, nil, append([]string{"tls", "init", "--dir", dir}, strings.Fields(args)...)...)
		if code != 2 || !strings.Contains(stderr, want) {
			t.Errorf("%s: exit code %d, %s", args, code, stderr)
		}
		if _, err := os.Stat(dir); err == nil {
			t.Errorf("%s: made files", args)
		}
	}
}

// TestTLSInitQuoted: a shell reads what is printed as it was meant, whatever the folder is called.
func TestTLSInitQuoted(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skipf("%s: there is no POSIX shell on Windows, and no path with quotes in it", t.Name())
	}
	dir := filepath.Join(t.TempDir(), "it's  $HOME \"`id`\" \\n * ~ !x\n#&;(é")
	f := tlsFolder(dir)
	stdout, stderr, code := clasp(t, nil, "tls", "init", "--dir", dir)
	if code != 0 {
		t.Fatalf("exit code %d\n%s", code, stderr)
	}
	for _, test := range []struct {
		command string
		want    []string
	}{
		{stdout, []string{"server", "--tls-cert", f.file("cert.pem"), "--tls-key", f.file("key.pem")}},
		{regexp.MustCompile(`(?s)clasp tls init --renew.*?'\n`).FindString(stderr), []string{"tls", "init", "--renew", "--dir", dir}},
	} {
		out, err := exec.Command("sh", "-c", `clasp() { printf '%s\0' "$@"; }; `+test.command).Output()
		if got := strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00"); err != nil || !slices.Equal(got, test.want) {
			t.Errorf("%s\nis read as %q (%v), want %q", test.command, got, err, test.want)
		}
	}
}

// TestTLSRenewKeepsOthers: a file that a renewal has not made stays, whatever it is called.
func TestTLSRenewKeepsOthers(t *testing.T) {
	f, _, _ := initTLS(t)
	for _, name := range []string{"key.pem.new", "cert.pem.new"} {
		write(t, f.file(name), "mine")
	}
	f.renewed(t)
	if f.read(t, "key.pem.new") != "mine" || f.read(t, "cert.pem.new") != "mine" {
		t.Error("somebody's file has changed")
	}
	if files, err := os.ReadDir(string(f)); err != nil || len(files) != 6 {
		t.Errorf("left %v, %v", files, err)
	}
}

// TestTLSRenewAtOnce: of several renewals at the same time each is whole, and the last one stays. Where a lock keeps others from
// reading, on Windows, some may be refused.
func TestTLSRenewAtOnce(t *testing.T) {
	f, _, _ := initTLS(t)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			_, stderr, code := clasp(t, nil, "tls", "init", "--renew", "--dir", string(f), "--name", fmt.Sprintf("host%d.lan", i))
			if code != 0 && runtime.GOOS != "windows" {
				t.Errorf("exit code %d, %s", code, stderr)
			}
		})
	}
	all.Wait()
	if _, err := tls.LoadX509KeyPair(f.file("cert.pem"), f.file("key.pem")); err != nil {
		t.Error(err)
	}
	for i := range 8 {
		if name := fmt.Sprintf("host%d.lan", i); runtime.GOOS != "windows" && !f.good(t, name) {
			t.Errorf("the name %s is lost", name)
		}
	}
	if files, err := os.ReadDir(string(f)); err != nil || len(files) != 4 {
		t.Errorf("left %v, %v", files, err)
	}
}
