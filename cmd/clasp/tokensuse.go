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
// and whom to trust: given or, where the link of an invite named the router's key, that key
// alone, wherever the router is now and whoever has signed for it.
//
// The router is asked for its ID where it can be, and known by its host where not. An ID is
// no secret, and whoever answers may claim one. What came over TLS is therefore sent to who
// proves to be the same only: by the key, by the place, or by the authority of --ca.
func storedFor(ctx context.Context, text string, given *tls.Config, stderr io.Writer) (token string, trust *tls.Config) {
	list := storedTokens(stderr)
	at, err := url.Parse(text)
	if len(list) == 0 || err != nil {
		return "", given
	}
	var t *storedToken
	moved := false
	if page, ws, err := pairAddress(at); err == nil {
		asked := given
		if was := atHost(list, ws, true); given == nil && was != nil && was.Key != "" {
			if asked, err = pinned(was.Key); err != nil {
				warn(stderr, "the token of the router %s: %v", shown(was.Router), err)
				return "", nil
			}
		}
		asking, cancel := context.WithTimeout(ctx, aboutLimit)
		defer cancel()
		about, err := newPairRouter(page, asked).about(asking)
		if err != nil {
			return "", asked // it has no pairing, or the connection will say what is wrong
		}
		warnOfChange(list, ws, about.RouterID, stderr)
		t = ofRouter(list, about.RouterID)
		moved = t != nil && !t.wasAt(ws, true)
		if t == nil {
			return "", asked
		}
	} else if t = atHost(list, at, false); t == nil {
		return "", given
	}
	switch {
	case t.Encrypted && at.Scheme != "wss" && at.Scheme != "quic":
		warn(stderr, "the token of the router %s came over TLS and is not sent without: use wss or quic, or give it with --token", shown(t.Router))
		return "", given
	case t.Key != "":
		if trust, err = pinned(t.Key); err != nil {
			warn(stderr, "the token of the router %s: %v", shown(t.Router), err)
			return "", given
		}
		return t.Token, trust
	case t.Encrypted && moved && given == nil:
		warn(stderr, "what answers at %s says that it is the router %s, which was at %s, and cannot prove it; the token is not sent there: name its authority with --ca, or pair with it there", at.Host, shown(t.Router), shownAll(t.URLs))
		return "", given
	case moved:
		warn(stderr, "what answers at %s says that it is the router %s, which was at %s: it gets the token", at.Host, shown(t.Router), shownAll(t.URLs))
	}
	return t.Token, given
}

// warnOfChange says that another router is where one was that has given a token.
func warnOfChange(list []storedToken, at *url.URL, id string, stderr io.Writer) {
	if was := atHost(list, at, true); was != nil && was.RouterID != id {
		warn(stderr, "%s was the router %s (ID %s), and is another one now (ID %s): if nobody has replaced it, something pretends to be it", at, shown(was.Router), was.RouterID, id)
	}
}
