// Which stored token a command shows to a router.

package main

import (
	"context"
	"crypto/tls"
	"io"
	"net/url"
	"time"
)

// aboutLimit is how long a router may take to say which it is. Most of the time of a
// connection is left for the connection.
const aboutLimit = 2 * time.Second

// storedFor returns the token that is stored for the router at a URL, "" if there is none,
// and whom to trust: trusted or, where that is nil, the key that the link of an invite named.
//
// The router is asked for its ID where it can be, and known by its host where not. Whoever
// answers there may lie, as with any address that is not proved: what came over TLS is
// therefore never sent without.
func storedFor(ctx context.Context, text string, trusted *tls.Config, stderr io.Writer) (token string, trust *tls.Config) {
	list := storedTokens(stderr)
	at, err := url.Parse(text)
	if len(list) == 0 || err != nil {
		return "", trusted
	}
	var t *storedToken
	if page, ws, err := pairAddress(at); err == nil {
		if was := atHost(list, ws, true); trusted == nil && was != nil && was.Key != "" {
			if trusted, err = pinned(was.Key); err != nil {
				warn(stderr, "the token of the router %s: %v", shown(was.Router), err)
				return "", nil
			}
		}
		asking, cancel := context.WithTimeout(ctx, aboutLimit)
		defer cancel()
		about, err := newPairRouter(page, trusted).about(asking)
		if err != nil {
			return "", trusted // it has no pairing, or the connection will say what is wrong
		}
		warnOfChange(list, ws, about.RouterID, stderr)
		t = ofRouter(list, about.RouterID)
	} else {
		t = atHost(list, at, false)
	}
	switch {
	case t == nil:
		return "", trusted
	case t.Encrypted && at.Scheme != "wss" && at.Scheme != "quic":
		warn(stderr, "the token of the router %s came over TLS and is not sent without: use wss or quic, or give it with --token", shown(t.Router))
		return "", trusted
	}
	return t.Token, trusted
}

// warnOfChange says that another router is where one was that has given a token.
func warnOfChange(list []storedToken, at *url.URL, id string, stderr io.Writer) {
	if was := atHost(list, at, true); was != nil && was.RouterID != id {
		warn(stderr, "%s was the router %s (ID %s), and is another one now (ID %s): if nobody has replaced it, something pretends to be it", at, shown(was.Router), was.RouterID, id)
	}
}
