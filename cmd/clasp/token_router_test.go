//go:build unix

// Shows tokens that the program has made to a real router.

package main_test

import (
	"strings"
	"testing"
)

// TestTokensAtRouter: what create prints opens a router that wants tokens, and only as far as it says.
func TestTokensAtRouter(t *testing.T) {
	secretFile, private, public := keyFiles(t)
	s := serve(t, nil, "--port", "0", "--bind", "127.0.0.1", "--require-auth", "--token-secret-file", secretFile, "--token-public-key", public)
	url := "ws://" + s.address(t)
	create := func(args ...string) string {
		token, stderr, code := clasp(t, nil, append([]string{"token", "create"}, args...)...)
		if code != 0 {
			t.Fatal(stderr)
		}
		return "CLASP_TOKEN=" + strings.TrimSpace(token)
	}
	writer := create("--write", "/a/*", "--range", "/a/*=0..1", "--secret-file", secretFile)
	reader := create("--read", "/a/**", "--key", private)
	stranger := create("--read", "/**", "--write", "/**", "--secret", tokenSecret)
	for _, test := range []struct {
		token, args string
		refused     string // the code in the error; "" = it is done
	}{
		{writer, "set /a/x 0.5", ""},
		{writer, "set /a/x 2", "(error 402)"},
		{writer, "set /b 0.5", "(error 301)"},
		{writer, "get /a/x", "(error 301)"},
		{reader, "get /a/x", ""},
		{reader, "get /a/**", ""},
		{reader, "get /**", "(error 301)"},
		{reader, "set /a/x 1", "(error 301)"},
		{stranger, "get /a/x", "(error 300)"},
		{"CLASP_TOKEN=", "get /a/x", "(error 300)"},
	} {
		command, rest, _ := strings.Cut(test.args, " ")
		_, stderr, code := clasp(t, []string{test.token}, append([]string{command, "--url", url}, strings.Fields(rest)...)...)
		if (code == 0) != (test.refused == "") || !strings.Contains(stderr, test.refused) {
			t.Errorf("clasp %s: exit code %d, %s", test.args, code, stderr)
		}
		if secret := strings.TrimPrefix(test.token, "CLASP_TOKEN="); secret != "" && strings.Contains(stderr, secret) {
			t.Errorf("clasp %s: the error holds the token", test.args)
		}
	}
}
