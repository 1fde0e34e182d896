// Package sites decides which web pages may talk to the router, and under which
// names its own pages may be asked for.
//
// A browser lets any page of any site open a WebSocket to any machine it can reach, and
// says in the Origin header whose page it was (RFC 6454, RFC 6455 section 10.2). What is
// no browser sends no such header, can say what it likes, and is not held up here: that
// is what tokens are for.
//
// The rules are the list security.allowed_origins. Its entries:
//
//	any                   pages of every site; so is an empty list
//	same                  pages the router's own address was asked for
//	https://host[:port]   pages of one site, of any scheme
//	https://*.host[:port] pages of the subdomains of a host
package sites

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
)

const (
	anySite  = "any"
	sameSite = "same"
)

// Check says what is wrong with an entry of the list.
func Check(entry string) error {
	if entry == anySite || entry == sameSite {
		return nil
	}
	_, err := parse(entry)
	return err
}

// Rules are what a router goes by.
type Rules struct {
	Origins []string // security.allowed_origins
	Names   []string // other names of this router, as those in its certificate; a * may begin one
}

// refusal is what Rules say to what they do not let in.
type refusal struct {
	why    string // in words for a stranger
	advice string // how to let it in all the same, for whoever runs the router
}

func (r *refusal) Error() string { return r.why + r.advice }

// Why is what a stranger may read of an error of Rules: not how the router would have to be
// told to let it in, which is nobody's to ask for whose site it is.
func Why(err error) string {
	var no *refusal
	if errors.As(err, &no) {
		return no.why
	}
	return err.Error()
}

// Allowed says whether a page may open a WebSocket. origin is the request's Origin
// header, "" when it has none, and host its Host header. The error is for the one who
// made the page.
func (r Rules) Allowed(origin, host string) error {
	if origin == "" || r.openToAll() {
		return nil
	}
	for _, entry := range r.Origins {
		if entry == sameSite && r.named(host) == nil && isSame(origin, host) || matches(entry, origin) {
			return nil
		}
	}
	return &refusal{fmt.Sprintf("pages of %q may not connect to this router", origin), ": " + r.advice(origin)}
}

// Own says whether one of the router's own pages may be shown: to whom asks for it under
// a name that is the router's, from no other site's page. The list only adds to that.
func (r Rules) Own(origin, host string) error {
	if err := r.named(host); err != nil {
		return err
	}
	if origin == "" || isSame(origin, host) {
		return nil
	}
	for _, entry := range r.Origins {
		if matches(entry, origin) {
			return nil
		}
	}
	return &refusal{fmt.Sprintf("pages of %q may not read this", origin), ": " + r.advice(origin)}
}

// Foreign says why a page is none that pairing trusts: it is neither listed nor the router's own.
// nil = it is, or who asks is no browser. any lists nobody here, and a name that
// somebody else on the LAN can have answered for is not the router's own. A page opened on a
// paired tablet has the tablet's address, and one in the operator's browser the operator's.
func (r Rules) Foreign(origin, host string) error {
	if origin == "" || r.mine(host) && isSame(origin, host) {
		return nil
	}
	for _, entry := range r.Origins {
		if matches(entry, origin) {
			return nil
		}
	}
	return &refusal{fmt.Sprintf("pages of %q may not pair with this router", origin), ": " + r.advice(origin)}
}

// mine says whether host, a Host header, cannot have been another machine's: an IP address, which
// a browser looks up nowhere; localhost; this machine's name, on its own or in a private domain;
// or one of the rules.
func (r Rules) mine(host string) bool {
	name := hostname(host)
	if _, err := netip.ParseAddr(name); err == nil || name == "localhost" || r.configured(name) {
		return true
	}
	own, err := os.Hostname()
	if err != nil {
		return false
	}
	if own = strings.ToLower(own); name == own {
		return true
	}
	label, domain, _ := strings.Cut(name, ".")
	first, _, _ := strings.Cut(own, ".")
	return label == first && (domain == "" || slices.Contains(private, domain))
}

// configured says whether a name is one of the rules.
func (r Rules) configured(name string) bool {
	for _, own := range r.Names {
		if covers(strings.ToLower(own), name) {
			return true
		}
	}
	for _, entry := range r.Origins {
		if u, err := parse(entry); err == nil && covers(u.Hostname(), name) {
			return true
		}
	}
	return false
}

// private are the domains that no public name is in: RFC 6762 section 3 and appendix G,
// RFC 6761, RFC 8375.
var private = []string{"local", "localhost", "home.arpa", "internal", "lan", "home", "intranet", "private", "corp"}

// named says whether host, a Host header, can be trusted to mean this router: an IP
// address, a name of one word, this machine's own, one in a domain that the public DNS does
// not have, or one of the rules. Any other could be an attacker's own, pointed at this machine so that a
// browser takes router and attacker for the same site (DNS rebinding). A request without
// a Host (HTTP/1.0, some health checks) comes from no browser.
func (r Rules) named(host string) error {
	name := hostname(host)
	if name == "" || !strings.Contains(name, ".") {
		return nil
	}
	if _, err := netip.ParseAddr(name); err == nil {
		return nil
	}
	for _, domain := range private {
		if strings.HasSuffix(name, "."+domain) {
			return nil
		}
	}
	if own, err := os.Hostname(); err == nil && strings.EqualFold(own, name) {
		return nil
	}
	if r.configured(name) {
		return nil
	}
	return &refusal{fmt.Sprintf("this router is not known as %q: ask it by its IP address", name), ", or " + r.advice("https://"+name)}
}

// openToAll says whether pages of every site may connect.
func (r Rules) openToAll() bool { return len(r.Origins) == 0 || slices.Contains(r.Origins, anySite) }

// advice says how to let origin in, and nobody out.
func (r Rules) advice(origin string) string {
	if r.openToAll() {
		return fmt.Sprintf("list %q and %q in security.allowed_origins; without %[1]q only listed pages may connect", anySite, origin)
	}
	return fmt.Sprintf("add %q to security.allowed_origins", origin)
}

// matches says whether origin is the site an entry names.
func matches(entry, origin string) bool {
	e, err := parse(entry)
	if err != nil {
		return false // any and same are looked at elsewhere
	}
	o, err := parse(origin)
	return err == nil && e.Scheme == o.Scheme && port(e) == port(o) && covers(e.Hostname(), o.Hostname())
}

// covers says whether name is host, or in it where host begins with a wildcard.
func covers(host, name string) bool {
	if domain, ok := strings.CutPrefix(host, "*"); ok {
		return strings.HasSuffix(name, domain) && len(name) > len(domain) && name[0] != '*'
	}
	return name == host
}

// isSame says whether origin is of the host that was asked. Not its scheme: before a
// proxy that ends TLS it differs.
func isSame(origin, host string) bool {
	o, err := parse(origin)
	if err != nil {
		return false
	}
	asked := &url.URL{Scheme: o.Scheme, Host: strings.ToLower(host)}
	return hostname(host) == o.Hostname() && port(asked) == port(o)
}

// parse takes an origin apart, in lower case.
func parse(text string) (*url.URL, error) {
	u, err := url.Parse(strings.ToLower(text))
	domain := ""
	if err == nil {
		domain = strings.TrimPrefix(u.Hostname(), "*.")
	}
	switch {
	case err != nil || u.Scheme == "" || domain == "":
		return nil, fmt.Errorf("%q is no origin: write https://host or http://host:port, or one of the words same and any", text)
	case u.User != nil || u.Path != "" || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.HasSuffix(text, "#"):
		return nil, fmt.Errorf("%q has more than scheme, host and port: leave out what follows", text)
	case strings.Contains(domain, "*"):
		return nil, fmt.Errorf("%q: a * can only stand for what comes before a domain, as in https://*.example.com", text)
	case strings.HasSuffix(u.Host, ":"):
		return nil, fmt.Errorf("%q has no port after the colon", text)
	}
	return u, nil
}

// port returns the port of an origin, its scheme's when it has none.
func port(u *url.URL) string {
	if p := u.Port(); p != "" {
		return p
	}
	return map[string]string{"http": "80", "https": "443"}[u.Scheme]
}

// hostname returns the name in a Host header without its port, in lower case and without
// the dot that a full name may end in.
func hostname(host string) string {
	return strings.TrimSuffix((&url.URL{Host: strings.ToLower(host)}).Hostname(), ".")
}
