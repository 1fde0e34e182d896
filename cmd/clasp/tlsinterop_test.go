//go:build unix

// The public clients over wss, trusting the authority of clasp tls init in the way its words tell them to.

package main_test

import "testing"

func TestTLSInteropNode(t *testing.T) { wssInterop(t, "NODE_EXTRA_CA_CERTS", startNodeWith) }

func TestTLSInteropPython(t *testing.T) { wssInterop(t, "SSL_CERT_FILE", startPythonWith) }

// wssInterop has a client set and receive over wss; one that has not been told whom to trust does not connect.
func wssInterop(t *testing.T, variable string, start func(*testing.T, ...string) *agent) {
	t.Parallel()
	s := serveTLS(t)
	url := "wss://" + s.host(t)
	if _, err := start(t).try(t, client, "open", arguments{"url": url, "reconnect": 0}); err == nil {
		t.Error("a client that does not trust the authority connects")
	}

	a := start(t, variable+"="+s.folder.file("ca.pem"))
	a.do(t, client, "open", arguments{"url": url, "reconnect": 0})
	a.do(t, client, "subscribe", arguments{"sub": "all", "pattern": "/value"})
	a.do(t, client, "set", arguments{"address": "/value", "value": "öffnen"})
	a.journal(client).until(t, `all /value "öffnen"`)
	works(t, s.dial(t), "by the Go client")
	a.journal(client).until(t, `all /value "by the Go client"`)
}
