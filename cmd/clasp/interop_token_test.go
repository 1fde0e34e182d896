// Tokens that clasp token create makes, in the public clients: what one allows works, what it does not is refused where the
// client shows it, and one that has expired lets nobody in.

package main_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestInteropTokenNode(t *testing.T)   { tokens(t, startNode) }
func TestInteropTokenPython(t *testing.T) { tokens(t, startPython) }

// createToken returns a token of the secret that withSecret gives a router.
func createToken(t *testing.T, flags ...string) string {
	t.Helper()
	stdout, stderr, code := clasp(t, []string{withSecret}, slices.Concat([]string{"token", "create"}, flags)...)
	if code != 0 {
		t.Fatalf("clasp token create: exit %d: %s", code, stderr)
	}
	return strings.TrimSpace(stdout)
}

const withSecret = "CLASP_TOKEN_SECRET=thirty-two bytes of a test secret"

func tokens(t *testing.T, start func(*testing.T) *agent) {
	t.Parallel()
	a, r := start(t), startRouter(t, withSecret)
	peer := newPeer(t, r.url) // without a token, and so with all rights
	peer.subscribe(t, 1, "/**")
	open := func(client, token string) error {
		_, err := a.try(t, client, "open", arguments{"url": r.url, "token": token, "reconnect": 0})
		return err
	}
	set := func(client, address string) {
		a.do(t, client, "set", arguments{"address": address, "value": 1})
	}

	if err := open("reader", createToken(t, "--read", "/r/**")); err != nil {
		t.Fatal(err)
	}
	if err := open("writer", "Bearer "+createToken(t, "--read", "/w/**", "--write", "/w/**")); err != nil {
		t.Fatal(err)
	}
	a.do(t, "reader", "subscribe", arguments{"sub": "all", "pattern": "/**"}) // refused
	a.do(t, "reader", "subscribe", arguments{"sub": "r", "pattern": "/r/**"})
	refused := regexp.MustCompile(`CLASP error:? 301`)
	for deadline := time.Now().Add(patience); !refused.MatchString(a.said.String()); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the client shows no error 301:\n%s", a.said)
		}
	}
	set("reader", "/r/1")
	set("reader", "/w/1")
	set("writer", "/r/1")
	set("writer", "/w/2")
	lines := peer.until(t, "set /w/2 ")
	// The reader has its own connection: what it was refused is over once it sees what follows.
	peer.set(t, "/x/1", "true")
	peer.set(t, "/r/2", "true")
	lines = append(lines, peer.until(t, "set /r/2 ")...)
	expect(t, "the peer received", slices.DeleteFunc(lines, func(line string) bool { return strings.HasPrefix(line, "set /x/1 ") }))
	lines = a.journal("reader").until(t, "r /r/2 true")
	// The Python client hands what comes by one subscription to all that match.
	lines = slices.DeleteFunc(lines, func(line string) bool { return line == "all /r/2 true" })
	expect(t, "the reader received", lines, "connect")
	if got := a.do(t, "reader", "get", arguments{"address": "/r/2"}); got != "true" {
		t.Errorf("get returned %s", got)
	}

	if err := open("guest", createToken(t, "--read", "/**")+"x"); err == nil || !strings.Contains(err.Error(), "no token that this router accepts") {
		t.Errorf("a token with a letter too many: %v, want an error that says so", err)
	}
	brief := createToken(t, "--read", "/**", "--expires", "1s")
	for deadline := time.Now().Add(patience); ; {
		err := open("late", brief)
		if err != nil && strings.Contains(err.Error(), "the token has expired") {
			break
		}
		if err != nil || time.Now().After(deadline) {
			t.Fatalf("a token that has expired: %v, want an error that says so", err)
		}
		a.journal("late").until(t, "disconnect") // it expires while it is used, too
	}
}
