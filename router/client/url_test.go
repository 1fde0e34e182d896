package client

import (
	"errors"
	"net/http"
	"strings"
	"testing"
)

func TestParseURL(t *testing.T) {
	for text, want := range map[string]string{
		"ws://localhost":             "ws://localhost:7330/",
		"ws://localhost:":            "ws://localhost:7330/",
		"ws://[::1]/clasp":           "ws://[::1]:7330/clasp",
		"ws://localhost:80":          "ws://localhost:80/",
		"wss://example.org":          "wss://example.org/",
		"udp://localhost":            "udp://localhost:7331",
		"tcp://localhost/":           "tcp://localhost:7332",
		"ws://localhost:65535/clasp": "ws://localhost:65535/clasp",
		"quic://localhost":           "quic://localhost:7330",
		"quic://[::1]:/":             "quic://[::1]:7330",
	} {
		if got, err := parseURL(text); got != want || err != nil {
			t.Errorf("%s: got %s, %v; want %s", text, got, err, want)
		}
	}
	for text, want := range map[string]string{
		"":                               "should look like",
		"localhost:7330":                 "should look like",
		"http://localhost":               "should look like",
		"quic://":                        "should look like",
		"quic://localhost:7330/clasp":    "only WebSocket",
		"quic://localhost?x":             "only WebSocket",
		"quic://localhost:0":             "port 0",
		"ws://:7330":                     "should look like",
		"ws://localhost:65536":           "port 65536",
		"ws://localhost:0":               "port 0",
		"ws://me:secret@localhost":       `"ws://...@localhost" names a user`,
		"ws://me:secret@localhost:99999": "names a user",
		"ws://me:sec%zzret@localhost":    `"ws://...@localhost" should look like`,
		"http://me:se@cret@localhost":    `"http://...@localhost" should look like`,
		"me:secret@localhost":            `"...@localhost" should look like`,
	} {
		_, err := parseURL(text)
		if !errors.Is(err, ErrBadURL) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "cret") {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
}

func TestProxyIsForWSSOnly(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://192.0.2.1:1")
	r, err := http.NewRequest(http.MethodGet, "http://192.0.2.2/", nil)
	if err != nil {
		t.Fatal(err)
	}
	if at, err := proxy(r); at != nil || err != nil {
		t.Errorf("ws goes by %v, %v", at, err)
	}
}
