// What only the fuzzer of this package may call.

package discovery

import (
	"net/netip"

	"golang.org/x/net/dns/dnsmessage"
)

// TakeIn does all that is done with a multicast DNS packet, but for sending: what a station finds in it, and what one who
// looks for routers does.
func TakeIn(packet []byte, i Info, found func(Found)) error {
	m, err := parse(packet)
	if err != nil {
		return err
	}
	r, err := newRecords(i, host(i.ID, nil, 1), Link{})
	if err != nil {
		return err
	}
	if srv := r.rival(m.proposed); srv != nil {
		r.compare(srv)
	}
	if q, ok := r.asked(m); ok {
		if _, err := r.legacyAnswer(m.id, q); err != nil {
			return err
		}
	}
	r.rival(m.answers)
	n := neighbours{instances: map[dnsmessage.Name]*neighbour{}, hosts: map[dnsmessage.Name][]netip.Addr{}}
	n.take(m)
	n.complete(found)
	_, err = n.question()
	return err
}

// On is f as multicast DNS finds it on a host.
func (f Found) On(host string) Found {
	f.host, f.source = host, byMDNS
	return f
}

// Merge takes in routers as Find does when they are found one after the other.
func Merge(found ...Found) []Found {
	var all foundList
	for _, f := range found {
		all.add(f)
	}
	return all
}

// Announcement is what a station says.
func Announcement(i Info, at netip.Addr) ([]byte, error) {
	r, err := newRecords(i, host(i.ID, nil, 1), Link{Prefixes: []netip.Prefix{netip.PrefixFrom(at, 24)}})
	if err != nil {
		return nil, err
	}
	return r.answer(lifetime)
}
