// Finding routers: by both ways at once, one entry a router.

package discovery

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"sync"
)

// Search says how routers are looked for.
type Search struct {
	UDP, MDNS bool
	Port      int                    // of UDP discovery, 0 = 7331
	Links     func() ([]Link, error) // nil = all links of this machine
}

// Found is a router that has been found.
type Found struct {
	Info
	Addresses []netip.Addr // where it answered, loopback last

	source source
	names  []string // all that it goes by: those of its two ways may differ
	host   string   // in multicast DNS, "" if it was not found by that
}

// Called reports whether a name is one that the router goes by, in any case. Of a longer one
// than is told only the beginning counts.
func (f Found) Called(name string) bool {
	name = cut(name, maxName)
	return slices.ContainsFunc(f.names, func(known string) bool { return strings.EqualFold(known, name) })
}

// source is how a router was found: the higher, the more its word counts.
type source int

const (
	byWelcome source = iota // has no port, and does not say what else there is
	byText
	byMDNS // has the name that no other router on the network has
)

// URL is the WebSocket URL of the router at the first of its addresses.
func (f Found) URL() string { return f.Info.URL(f.Addresses[0]) }

// maxFound bounds what one search keeps, whatever is on the network.
const maxFound = 1000

// Find looks for routers until ctx ends, or each, which is called with every router when it
// is found and when more is known of it, returns false; nil is for those who want the list
// only. It returns the routers in the order they were found in. The error says which of
// the ways could not be tried, and may come with routers found by the others.
func Find(ctx context.Context, s Search, each func(Found) bool) ([]Found, error) {
	if s.Port == 0 {
		s.Port = DefaultPort
	}
	if s.Links == nil {
		s.Links = everywhere
	}
	links, err := s.Links()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var mu sync.Mutex // guards all and over, and keeps calls of each apart
	var all foundList
	over := false
	found := func(f Found) {
		mu.Lock()
		defer mu.Unlock()
		f, news := all.add(f)
		if news && !over && each != nil && !each(f) {
			over = true
			cancel()
		}
	}
	var searching sync.WaitGroup
	failures := make(chan error, len(links)*(1+maxPrefixes))
	try := func(search func() error) {
		searching.Go(func() {
			if err := search(); err != nil {
				failures <- err
			}
		})
	}
	for _, link := range links {
		if s.MDNS && link.Multicast {
			try(func() error { return browse(ctx, link, found) })
		}
		for _, prefix := range link.Prefixes[:min(len(link.Prefixes), maxPrefixes)] {
			if s.UDP {
				try(func() error { return shout(ctx, prefix, s.Port, found) })
			}
		}
	}
	searching.Wait()
	close(failures)
	for failure := range failures {
		err = errors.Join(err, failure)
	}
	if len(links) == 0 {
		err = errors.New("this machine has no network interface with an IPv4 address")
	}
	return all, err
}

// maxPrefixes is how many addresses of an interface are shouted from.
const maxPrefixes = 16

// foundList has every router once.
type foundList []Found

// add takes in a router, and returns what is now known of it and whether that is more than
// before.
func (l *foundList) add(f Found) (now Found, news bool) {
	f.names = []string{f.Name}
	l.separate(f)
	at := slices.IndexFunc(*l, func(known Found) bool { return known.is(f) && known.meets(f) })
	if at < 0 {
		at = slices.IndexFunc(*l, f.is)
	}
	switch {
	case at >= 0:
		news = (*l)[at].merge(f)
		return (*l)[at], news
	case len(*l) >= maxFound:
		return f, false
	default:
		*l = append(*l, f)
		return f, true
	}
}

// separate takes f's addresses from what was thought to be the same router for its ID, and is
// another one on another machine, which was copied with its ID.
func (l *foundList) separate(f Found) {
	for i := range *l {
		if known := &(*l)[i]; known.copyOf(f) {
			known.Addresses = slices.DeleteFunc(slices.Clone(known.Addresses), f.at)
		}
	}
	*l = slices.DeleteFunc(*l, func(known Found) bool { return len(known.Addresses) == 0 })
}

// copyOf reports whether two have one ID and are two all the same: on two machines.
func (f Found) copyOf(g Found) bool {
	return f.ID == g.ID && f.host != "" && g.host != "" && f.host != g.host
}

// is reports whether two are one router: by ID, or for want of one that both know by where
// it listens. The ID in the WELCOME of another make is a new one each time.
func (f Found) is(g Found) bool {
	switch {
	case f.copyOf(g):
		return false
	case f.ID == g.ID && f.ID != "":
		return true
	case f.ID != "" && g.ID != "" && f.source != byWelcome && g.source != byWelcome:
		return false
	default:
		return f.Port == g.Port && f.meets(g)
	}
}

// at reports whether the router answered at an address.
func (f Found) at(a netip.Addr) bool { return slices.Contains(f.Addresses, a) }

// meets reports whether two have answered at one address.
func (f Found) meets(g Found) bool { return slices.ContainsFunc(f.Addresses, g.at) }

// merge adds what g knows, and reports whether it was anything.
func (f *Found) merge(g Found) (news bool) {
	if g.source > f.source {
		f.Info, f.source, f.host, news = g.Info, g.source, g.host, true
	}
	if !f.Called(g.Name) {
		f.names, news = append(slices.Clone(f.names), g.Name), true
	}
	for _, address := range g.Addresses {
		if !slices.Contains(f.Addresses, address) {
			// A slice of its own: others have been given the one before.
			f.Addresses, news = append(slices.Clone(f.Addresses), address), true
			slices.SortStableFunc(f.Addresses, func(a, b netip.Addr) int { return order(a) - order(b) })
		}
	}
	return news
}

func order(a netip.Addr) int {
	if a.IsLoopback() {
		return 1
	}
	return 0
}
