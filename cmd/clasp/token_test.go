// Runs clasp token and clasp key: what they print is what a router takes, and what they make is for its owner alone.

package main_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/router/auth"
)

const tokenSecret = "0123456789abcdef0123456789abcdef" // 256 bits

// keyFiles makes a secret and a pair of RSA keys with the program.
func keyFiles(t *testing.T) (secret, private, public string) {
	t.Helper()
	dir := t.TempDir()
	secret = filepath.Join(dir, "token.secret")
	for _, args := range [][]string{{"key", "generate", "--out", secret}, {"key", "generate", "--rsa", filepath.Join(dir, "keys")}} {
		if stdout, stderr, code := clasp(t, nil, args...); code != 0 || stdout != "" {
			t.Fatalf("clasp %s: exit code %d, %q, %s", args, code, stdout, stderr)
		}
	}
	return secret, filepath.Join(dir, "keys", "token.key"), filepath.Join(dir, "keys", "token.pub")
}

// claspReads runs the program with stdin.
func claspReads(t *testing.T, stdin string, environ []string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	cmd := claspCommand(t, environ, args...)
	var out, words strings.Builder
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &words
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return out.String(), words.String(), cmd.ProcessState.ExitCode()
}

// verified judges what the program printed as a router with this key does.
func verified(t *testing.T, o auth.Options, printed string) (*auth.Grant, error) {
	t.Helper()
	token, ended := strings.CutSuffix(printed, "\n")
	if !ended || strings.ContainsAny(token, " \n") {
		t.Fatalf("stdout is not a token and a line end: %q", printed)
	}
	v, err := auth.NewVerifier(o)
	if err != nil {
		t.Fatal(err)
	}
	return v.Verify(token, time.Now())
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestTokenCreate signs with everything there is to sign with.
func TestTokenCreate(t *testing.T) {
	secretFile, private, public := keyFiles(t)
	secret := auth.Options{Secret: []byte(strings.TrimSpace(string(readFile(t, secretFile))))}
	given := auth.Options{Secret: []byte(tokenSecret)}
	const shows = "warning: --secret shows the secret to everybody who lists the processes of this machine (ps): use --secret-file or CLASP_TOKEN_SECRET\n"
	for name, test := range map[string]struct {
		args, environ []string
		key           auth.Options
		stderr        string
	}{
		"secret file":             {[]string{"--secret-file", secretFile}, nil, secret, ""},
		"file before environment": {[]string{"--secret-file", secretFile}, []string{"CLASP_TOKEN_SECRET=x"}, secret, ""},
		"environment":             {nil, []string{"CLASP_TOKEN_SECRET=" + tokenSecret}, given, ""},
		"flag":                    {[]string{"--secret", tokenSecret}, nil, given, shows},
		"weak":                    {nil, []string{"CLASP_TOKEN_SECRET=hunter2"}, auth.Options{Secret: []byte("hunter2")}, "warning: the secret has 56 bits, and whoever has a token can try to guess it: use 256 at least, as 'clasp key generate' makes them\n"},
		"RSA":                     {[]string{"--key", private}, nil, auth.Options{PublicKey: readFile(t, public)}, ""},
		"RSA before environment":  {[]string{"--key", private}, []string{"CLASP_TOKEN_SECRET=x"}, auth.Options{PublicKey: readFile(t, public)}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			test.key.Issuer, test.key.Audience = "us", "foyer"
			args := append([]string{"token", "create", "--read", "/a/**", "--read", "/b,c", "--write", "/w", "--emit", "/e", "--subscribe", "/s/*", "--range", "/w=-1..0.5", "--max-rate", "/w=60",
				"--max-rate", "/x=y=2", "--subject", "FOH iPad", "--id", "7f3a", "--issuer", "us", "--audience", "studio", "--audience", "foyer", "--expires", "30d"}, test.args...)
			before := time.Now().Truncate(time.Second)
			stdout, stderr, code := clasp(t, test.environ, args...)
			if code != 0 || stderr != test.stderr {
				t.Fatalf("exit code %d, stderr %q, want %q", code, stderr, test.stderr)
			}
			grant, err := verified(t, test.key, stdout)
			if err != nil {
				t.Fatal(err)
			}
			const month = 30 * 24 * time.Hour
			if ends := grant.Expires; grant.Subject != "FOH iPad" || grant.ID != "7f3a" || ends.Before(before.Add(month)) || ends.After(time.Now().Add(month)) {
				t.Errorf("grant %+v", grant)
			}
			r := grant.Rights
			if !r.MayRead("/a/x/y") || !r.MayRead("/b,c") || r.MayRead("/b") || !r.MayWrite("/w") || r.MayRead("/w") || !r.MayEmit("/e") || r.MayWrite("/e") || r.MayRead("/s/x") {
				t.Error("not the rights that were asked for")
			}
			if c := r.Constraints("/w"); len(c) != 1 || r.Constraint(c[0]) != (auth.Constraint{Pattern: "/w", HasRange: true, Min: -1, Max: 0.5, MaxRate: 60}) {
				t.Errorf("constraints of /w: %v", c)
			}
			if c := r.Constraints("/x=y"); len(c) != 1 || r.Constraint(c[0]).MaxRate != 2 {
				t.Errorf("constraints of /x=y: %v", c)
			}
		})
	}
}

// TestTokenForEver: a token without an end can be revoked, and its maker is told how.
func TestTokenForEver(t *testing.T) {
	stdout, stderr, code := clasp(t, []string{"CLASP_TOKEN_SECRET=" + tokenSecret}, "token", "create", "--read", "/**")
	grant, err := verified(t, auth.Options{Secret: []byte(tokenSecret)}, stdout)
	if code != 0 || err != nil || !grant.Expires.IsZero() || len(grant.ID) < 26 {
		t.Fatalf("exit code %d, %+v, %v", code, grant, err)
	}
	if want := "note: this token never expires; to end it, put its id " + grant.ID + " on the router's list security.revoked_tokens\n"; stderr != want {
		t.Errorf("stderr %q, want %q", stderr, want)
	}
	var refused *auth.Error
	if _, err := verified(t, auth.Options{Secret: []byte(tokenSecret), Revoked: []string{grant.ID}}, stdout); !errors.As(err, &refused) || refused.Reason != "revoked" {
		t.Errorf("revoked: %v", err)
	}
}

func TestTokenErrors(t *testing.T) {
	secretFile, private, public := keyFiles(t)
	empty, pemSecret := filepath.Join(t.TempDir(), "empty"), filepath.Join(t.TempDir(), "pem")
	write(t, empty, "\n")
	write(t, pemSecret, string(readFile(t, public)))
	const see = "\nsee 'clasp token create --help'\n"
	for _, test := range []struct {
		args string
		code int
		want string
	}{
		{"create --secret-file " + secretFile, 2, "a token without rights is of no use: give --read, --write, --emit or --subscribe" + see},
		{"create --range /a=0..1 --secret-file " + secretFile, 2, "a token without rights is of no use: give --read, --write, --emit or --subscribe" + see},
		{"create --read /a", 2, "there is nothing to sign with: give --secret-file or --key, or make a secret with 'clasp key generate'" + see},
		{"create --read /a --secret x --key y", 2, "if any flags in the group [secret-file secret key] are set none of the others can be; [key secret] were all set" + see},
		{"create --read /a/", 2, `invalid argument "/a/" for "--read" flag: bad pattern "/a/": byte 2: trailing '/'` + see},
		{"create --write /a/**x", 2, `invalid argument "/a/**x" for "--write" flag: bad pattern "/a/**x": byte 3: '**' must be a whole segment` + see},
		{"create --range /a", 2, `invalid argument "/a" for "--range" flag: there is no '=' after the pattern` + see},
		{"create --range a=0..1", 2, `invalid argument "a=0..1" for "--range" flag: bad pattern "a": byte 0: must start with '/'` + see},
		{"create --range /a=1..0", 2, `invalid argument "/a=1..0" for "--range" flag: "1..0" is not MIN..MAX, two numbers of which the second is not the smaller one` + see},
		{"create --range /a=NaN..1", 2, `invalid argument "/a=NaN..1" for "--range" flag: "NaN..1" is not MIN..MAX, two numbers of which the second is not the smaller one` + see},
		{"create --range /a=0..Inf", 2, `invalid argument "/a=0..Inf" for "--range" flag: "0..Inf" is not MIN..MAX, two numbers of which the second is not the smaller one` + see},
		{"create --range /a=5", 2, `invalid argument "/a=5" for "--range" flag: "5" is not MIN..MAX, two numbers of which the second is not the smaller one` + see},
		{"create --max-rate /a=0", 2, `invalid argument "/a=0" for "--max-rate" flag: "0" is not a number above 0` + see},
		{"create --max-rate /a=fast", 2, `invalid argument "/a=fast" for "--max-rate" flag: "fast" is not a number above 0` + see},
		{"create --expires 0", 2, `invalid argument "0" for "--expires" flag: is not a time of a second or more, as in 90m, 24h or 30d` + see},
		{"create --expires -1h", 2, `invalid argument "-1h" for "--expires" flag: is not a time of a second or more, as in 90m, 24h or 30d` + see},
		{"create --expires xd", 2, `invalid argument "xd" for "--expires" flag: is not a time of a second or more, as in 90m, 24h or 30d` + see},
		{"create --expires 1e9d", 2, `invalid argument "1e9d" for "--expires" flag: is not a time of a second or more, as in 90m, 24h or 30d` + see},
		{"create --raed /a", 2, "unknown flag: --raed, did you mean --read?" + see},
		{"create --read /a --id " + strings.Repeat("x", 300) + " --secret-file " + secretFile, 1, "sign the token: jti: longer than 256 bytes\n"},
		{"create --read /a --secret-file nowhere", 1, "read the secret: nowhere: no such file or directory\n"},
		{"create --read /a --secret-file " + empty, 1, "read the secret: " + empty + ": there is no secret in it\n"},
		{"create --read /a --key nowhere", 1, "read the private key: nowhere: no such file or directory\n"},
		{"create --read /a --key " + secretFile, 1, "read the private key: " + secretFile + ": is not PEM: it begins with -----BEGIN\n"},
		{"create --read /a --key " + public, 1, "read the private key: " + public + ": holds a \"PUBLIC KEY\", and an unencrypted RSA private key is needed\n"},
		{"inspect --public-key nowhere x", 1, "read the public key: nowhere: no such file or directory\n"},
		{"inspect --public-key " + private + " x", 1, "the token public key: holds a \"PRIVATE KEY\", and an RSA public key is needed (openssl rsa -pubout makes one of a private key)\n"},
		{"inspect nonsense", 1, "token refused (malformed): it is not a header, claims and a signature, in JSON and base64url\n"},
		{"inspect", 1, "token refused (missing): there is none\n"},
		{"inspect a b", 2, "accepts at most 1 arg(s), received 2\nsee 'clasp token inspect --help'\n"},
		{"inspect --secret x --secret-file y z", 2, "if any flags in the group [secret-file secret] are set none of the others can be; [secret secret-file] were all set\nsee 'clasp token inspect --help'\n"},
	} {
		t.Run(test.args, func(t *testing.T) {
			stdout, stderr, code := clasp(t, nil, append([]string{"token"}, strings.Fields(test.args)...)...)
			if want := "clasp: " + test.want; code != test.code || stderr != want || stdout != "" {
				t.Errorf("exit code %d, stdout %q, stderr\n%swant %d,\n%s", code, stdout, stderr, test.code, want)
			}
		})
	}
	// Who reads "pem" is told that everybody could sign with it.
	stdout, _, _ := clasp(t, nil, "token", "create", "--read", "/a", "--secret-file", pemSecret)
	_, stderr, code := claspReads(t, stdout, nil, "token", "inspect", "--secret-file", pemSecret)
	if code != 1 || !strings.Contains(stderr, "the token secret is a PEM file") {
		t.Errorf("a public key as a secret: exit code %d, %s", code, stderr)
	}
}

func TestTokenInspect(t *testing.T) {
	secretFile, private, public := keyFiles(t)
	hs, _, _ := clasp(t, nil, "token", "create", "--read", "/a/**", "--write", "/w", "--emit", "/e", "--subscribe", "/s", "--range", "/w=0..1", "--max-rate", "/w=60",
		"--subject", "FOH iPad", "--id", "7f3a", "--issuer", "us", "--audience", "studio", "--expires", "48h", "--secret-file", secretFile)
	const times = `made       \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC, .* ago
expires    \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC, in (2 days|48 hours)
`
	const rest = `subject    FOH iPad
id         7f3a
issuer     us
audience   studio
` + times + `read       may get and subscribe to /a/\*\*
write      may set, and send signals to /w
emit       may send signals to /e
subscribe  may subscribe to /s
limit      writes to /w: from 0 to 1, at most 60 times a second
`
	const noKey = `token      REFUSED \(algorithm\): its algorithm is not HS256 or RS256, or there is no key for it here` + "\n"
	for name, test := range map[string]struct {
		args, environ []string
		code          int
		want          string
	}{
		"unchecked":      {nil, nil, 0, `token      not checked \(HS256\): give --secret-file or --public-key` + "\n" + rest},
		"stdin by name":  {[]string{"-"}, nil, 0, `token      not checked \(HS256\): give --secret-file or --public-key` + "\n" + rest},
		"good":           {[]string{"--secret-file", secretFile}, nil, 0, `token      good: signed with this key \(HS256\)` + "\n" + rest},
		"good for this":  {[]string{"--secret-file", secretFile, "--issuer", "us", "--audience", "studio"}, nil, 0, `token      good: signed with this key \(HS256\)` + "\n" + rest},
		"another secret": {nil, []string{"CLASP_TOKEN_SECRET=" + tokenSecret}, 1, `token      REFUSED \(signature\): it is not signed with a key that is known here` + "\n" + rest},
		"another router": {[]string{"--secret-file", secretFile, "--audience", "foyer"}, nil, 1, `token      REFUSED \(audience\): it is not for the audience \(aud\) that this router is` + "\n" + rest},
		"public key":     {[]string{"--public-key", public}, nil, 1, noKey + rest},
	} {
		t.Run(name, func(t *testing.T) {
			stdout, stderr, code := claspReads(t, "  "+hs+"\n", test.environ, append([]string{"token", "inspect"}, test.args...)...)
			if code != test.code || stderr != "" || !regexp.MustCompile(`^`+test.want+`$`).MatchString(stdout) {
				t.Errorf("exit code %d, want %d, stderr %q, stdout\n%s", code, test.code, stderr, stdout)
			}
		})
	}

	rs, _, _ := clasp(t, nil, "token", "create", "--read", "/a", "--id", "x", "--key", private)
	if stdout, _, code := clasp(t, nil, "token", "inspect", "--public-key", public, strings.TrimSpace(rs)); code != 0 || !strings.HasPrefix(stdout, "token      good: signed with this key (RS256)\nid         x\n") || !strings.Contains(stdout, "expires    never\n") {
		t.Errorf("RS256: exit code %d,\n%s", code, stdout)
	}
	none := "eyJhbGciOiJIUzI1NiJ9.e30.x" // {}
	if stdout, _, code := clasp(t, nil, "token", "inspect", none+"A"); code != 0 || !strings.Contains(stdout, "rights     none: it may connect, and nothing else\n") {
		t.Errorf("no rights: exit code %d,\n%s", code, stdout)
	}
}

func TestTokenInspectJSON(t *testing.T) {
	secretFile, _, _ := keyFiles(t)
	token, _, _ := clasp(t, nil, "token", "create", "--write", "/w", "--range", "/w=0..1", "--expires", "1h", "--id", "x", "--secret-file", secretFile)
	stdout, _, code := claspReads(t, token, nil, "token", "inspect", "--json", "--secret-file", secretFile)
	var r struct {
		Algorithm, Verdict, ID string
		Expires                time.Time
		Read, Write            []string
		Constraints            []struct {
			Pattern string
			Range   []float64
		}
	}
	if err := json.Unmarshal([]byte(stdout), &r); err != nil || code != 0 {
		t.Fatalf("exit code %d, %v in %s", code, err, stdout)
	}
	if r.Algorithm != "HS256" || r.Verdict != "good" || r.ID != "x" || time.Until(r.Expires) > time.Hour || r.Read == nil || len(r.Write) != 1 ||
		len(r.Constraints) != 1 || r.Constraints[0].Pattern != "/w" || len(r.Constraints[0].Range) != 2 {
		t.Errorf("%s", stdout)
	}
	stdout, _, code = claspReads(t, token, []string{"CLASP_TOKEN_SECRET=" + tokenSecret}, "token", "inspect", "--json")
	if code != 1 || !strings.Contains(stdout, `"verdict":"refused","reason":"signature","error":`) {
		t.Errorf("another secret: exit code %d, %s", code, stdout)
	}
}

func TestKeyGenerate(t *testing.T) {
	first, stderr, code := clasp(t, nil, "key", "generate")
	second, _, _ := clasp(t, nil, "key", "generate")
	if !regexp.MustCompile(`^[A-Za-z0-9_-]{43}\n$`).MatchString(first) || first == second || code != 0 || stderr != "" {
		t.Errorf("exit code %d, stderr %q, a secret of %d bytes, twice the same: %t", code, stderr, len(first), first == second)
	}
	secret, private, public := keyFiles(t)
	if runtime.GOOS != "windows" {
		for path, want := range map[string]os.FileMode{secret: 0o600, private: 0o600, public: 0o644} {
			if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
				t.Errorf("%s: mode %v, %v, want %v", path, info.Mode(), err, want)
			}
		}
	}
	before := string(readFile(t, secret)) + string(readFile(t, private))
	for _, args := range [][]string{{"--out", secret}, {"--rsa", filepath.Dir(private)}} {
		_, stderr, code := clasp(t, nil, append([]string{"key", "generate"}, args...)...)
		if code != 1 || !strings.Contains(stderr, " already exists and is left as it is: choose another name or remove it first\n") {
			t.Errorf("%s: exit code %d, %s", args, code, stderr)
		}
	}
	if string(readFile(t, secret))+string(readFile(t, private)) != before {
		t.Error("a key that was there has been changed")
	}
	// A public key that is in the way: then there is no new private key either.
	if err := os.Remove(private); err != nil {
		t.Fatal(err)
	}
	if _, stderr, code := clasp(t, nil, "key", "generate", "--rsa", filepath.Dir(private)); code != 1 || !strings.Contains(stderr, public+" already exists") {
		t.Errorf("exit code %d, %s", code, stderr)
	}
	if _, err := os.Stat(private); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("half a pair is left: %v", err)
	}
	if _, stderr, code := clasp(t, nil, "key", "generate", "--out", "a", "--rsa", "b"); code != 2 || !strings.Contains(stderr, "[out rsa]") {
		t.Errorf("both: exit code %d, %s", code, stderr)
	}
}

// TestOpenKeyFiles: a key that everybody can read works, and its owner is told.
func TestOpenKeyFiles(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skipf("%s: Windows has no such modes", t.Name())
	}
	secret, private, _ := keyFiles(t)
	for flag, path := range map[string]string{"--secret-file": secret, "--key": private} {
		if err := os.Chmod(path, 0o644); err != nil {
			t.Fatal(err)
		}
		_, stderr, code := clasp(t, nil, "token", "create", "--read", "/a", "--expires", "1h", flag, path)
		if want := "warning: every user of this machine can read " + path + ": chmod 600 it\n"; code != 0 || stderr != want {
			t.Errorf("%s: exit code %d, stderr %q, want %q", flag, code, stderr, want)
		}
	}
}
