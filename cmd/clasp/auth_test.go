//go:build unix

// Runs the real router with secrets and keys that are good, bad and shown to everybody.

package main_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestKeysThatAreNone: refused at the start, where the option was given.
func TestKeysThatAreNone(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		write(t, path, text)
		return path
	}
	secret, private, _ := keyFiles(t)
	ends := file("ends", "\n")
	large := file("large", strings.Repeat("x", 16<<20+1))
	pem := file("pem", "-----BEGIN PUBLIC KEY-----\nMTIz\n-----END PUBLIC KEY-----\n")
	text := file("text", "no PEM at all\n")
	yaml := file("clasp.yaml", "server:\n  security:\n    token_public_key: "+text+"\n")
	for name, test := range map[string]struct {
		args []string
		want []string // the beginnings of lines
	}{
		"empty":                {[]string{"--token-secret-file", file("empty", "")}, []string{"--token-secret-file: " + dir + "/empty: the file is empty"}},
		"an end of line":       {[]string{"--token-secret-file", ends}, []string{"--token-secret-file: " + ends + ": there is no secret in it"}},
		"too large":            {[]string{"--token-secret-file", large}, []string{"--token-secret-file: " + large + ": it has more than 16777216 bytes"}},
		"a directory":          {[]string{"--token-secret-file", dir}, []string{"--token-secret-file: " + dir + ": not a regular file"}},
		"not there":            {[]string{"--token-public-key", dir + "/none"}, []string{"--token-public-key: " + dir + "/none: no such file or directory"}},
		"a secret that is PEM": {[]string{"--token-secret-file", pem}, []string{"--token-secret-file: the token secret is a PEM file"}},
		"a broken key":         {[]string{"--token-public-key", pem}, []string{"--token-public-key: " + pem + ": "}},
		"a key that is no PEM": {[]string{"--token-public-key", text}, []string{"--token-public-key: " + text + ": "}},
		"a secret for a key":   {[]string{"--token-public-key", secret}, []string{"--token-public-key: " + secret + ": "}},
		"a private key":        {[]string{"--token-public-key", private}, []string{"--token-public-key: " + private + ": "}},
		"in a file":            {[]string{"-c", yaml}, []string{yaml + ":3:23: server.security.token_public_key: " + text + ": "}},
		"both":                 {[]string{"--token-secret-file", ends, "--token-public-key", text}, []string{"--token-secret-file: ", "--token-public-key: "}},
		"nobody can get in":    {[]string{"--require-auth"}, []string{"--require-auth: nobody could ever authenticate"}},
		"the secret twice":     {[]string{"--token-secret", "x", "--token-secret-file", secret}, []string{"--token-secret-file: the secret is given twice"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, stderr, code := clasp(t, nil, append([]string{"server", "--port", "0"}, test.args...)...)
			if code != 78 {
				t.Errorf("exit code %d, want 78", code)
			}
			for _, want := range test.want {
				if !strings.HasPrefix(stderr, want) && !strings.Contains(stderr, "\n"+want) {
					t.Errorf("no line %s... in\n%s", want, stderr)
				}
			}
			if key, err := os.ReadFile(secret); err != nil || strings.Contains(stderr, strings.TrimSpace(string(key))) || strings.Contains(stderr, "no PEM at all") {
				t.Errorf("a key is shown (%v):\n%s", err, stderr)
			}
		})
	}
}

// TestValidateKeys: what a server would not start with is noted beforehand.
func TestValidateKeys(t *testing.T) {
	dir := t.TempDir()
	key, yaml := filepath.Join(dir, "key"), filepath.Join(dir, "clasp.yaml")
	write(t, key, "no PEM at all\n")
	write(t, yaml, "server: {security: {token_public_key: "+key+"}}\n")
	if _, stderr, code := clasp(t, nil, "config", "validate", "--strict", yaml); code != 78 || !strings.HasPrefix(stderr, "note: "+yaml+":1:39: server.security.token_public_key: "+key+": ") {
		t.Errorf("exit code %d, %s", code, stderr)
	}
}

// TestValidateProfiles: what no server would start with, wherever it is, is an error.
func TestValidateProfiles(t *testing.T) {
	yaml := filepath.Join(t.TempDir(), "clasp.yaml")
	write(t, yaml, "server:\n  security:\n    pairing: {enabled: true, profiles: {\"a\\u202eb\": {read: [/**]}}}\n")
	stdout, stderr, code := clasp(t, nil, "config", "validate", yaml)
	if code != 78 || stdout != "" || !strings.HasPrefix(stderr, yaml+":3:") || strings.Count(stderr, "not a name that can be shown") != 1 {
		t.Errorf("exit code %d, %q, %s", code, stdout, stderr)
	}
}

// TestSecretWarnings: what makes a secret easy to get at is said, and the secret is not.
func TestSecretWarnings(t *testing.T) {
	const short, long = "tiger", "tiger and elephant and crocodiles"
	write := func(text string, mode os.FileMode) string {
		t.Helper()
		path := filepath.Join(t.TempDir(), "secret")
		if err := os.WriteFile(path, []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil { // whatever the umask
			t.Fatal(err)
		}
		return path
	}
	const bits, shown, open = "the token secret has 40 bits", "--token-secret shows the secret", "every user of this machine can read the token secret"
	for name, test := range map[string]struct {
		environ, args []string
		want          []string
	}{
		"a good file":    {nil, []string{"--token-secret-file", write(long, 0o600)}, nil},
		"of a group":     {nil, []string{"--token-secret-file", write(long, 0o640)}, nil},
		"environment":    {[]string{"CLASP_TOKEN_SECRET=" + long}, nil, nil},
		"short":          {[]string{"CLASP_TOKEN_SECRET=" + short}, nil, []string{bits}},
		"short in file":  {nil, []string{"--token-secret-file", write(short, 0o600)}, []string{bits}},
		"on the command": {nil, []string{"--token-secret", long}, []string{shown}},
		"open to all":    {nil, []string{"--token-secret-file", write(long, 0o644)}, []string{open}},
		"all of it":      {nil, []string{"--token-secret", short}, []string{bits, shown}},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, test.environ, append([]string{"--port", "0", "--bind", "127.0.0.1", "--require-auth"}, test.args...)...)
			s.address(t)
			s.signal(t, syscall.SIGTERM)
			if code := s.exit(t); code != 0 {
				t.Errorf("exit code %d", code)
			}
			said := s.stdout.String() + s.stderr.String()
			for _, words := range []string{bits, shown, open} {
				want := strings.Contains(strings.Join(test.want, "\n"), words)
				if strings.Contains(said, words) != want {
					t.Errorf("%q said: %v, want %v\n%s", words, !want, want, said)
				}
			}
			if strings.Contains(said, "tiger") {
				t.Errorf("the secret is shown:\n%s", said)
			}
		})
	}
}

// TestConfigPrintSecret: masked wherever it comes from.
func TestConfigPrintSecret(t *testing.T) {
	for _, args := range [][]string{{"--token-secret", "tiger"}, {}} {
		for _, form := range [][]string{nil, {"--json"}, {"--origin"}} {
			stdout, stderr, code := clasp(t, []string{"CLASP_TOKEN_SECRET=tiger"}, append(append([]string{"config", "print"}, args...), form...)...)
			if code != 0 || strings.Contains(stdout+stderr, "tiger") || !strings.Contains(stdout, "not shown") {
				t.Errorf("%s %s: exit code %d\n%s%s", args, form, code, stdout, stderr)
			}
		}
	}
}
