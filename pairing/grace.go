// Devices that show nothing: weak ones, let in by name and address, and those that come
// back within the grace. Both can be counterfeited on the LAN, and give no admin rights.

package pairing

import (
	"cmp"
	"net/netip"
	"time"
)

// caller is who a device without a token seems to be.
type caller struct {
	name   string // key of what it calls itself
	source netip.Addr
}

func (o Origin) caller() caller { return caller{key(o.Name), o.Source} }

// within reports whether a source may be in a prefix, or be an address. The source of an
// IPv6 device is its /64, so nothing finer can be told.
func within(from string, source netip.Addr) bool {
	prefix, err := netip.ParsePrefix(from)
	if err != nil {
		addr, err := netip.ParseAddr(from)
		if err != nil {
			return false
		}
		prefix = netip.PrefixFrom(addr, addr.BitLen())
	}
	if prefix.Addr().Is6() {
		prefix = netip.PrefixFrom(prefix.Addr(), min(prefix.Bits(), 64))
	}
	return prefix.Masked().Contains(source)
}

// weak returns the device that may come in from there under that name alone: one whose time
// is over only if there is no other.
func (r *Registry) weak(o Origin, now time.Time) (found *device) {
	for _, d := range r.devices {
		if d.Weak && key(d.Claimed) == key(o.Name) && within(d.From, o.Source) && (found == nil || found.expired(now)) {
			found = d
		}
	}
	return found
}

// returning returns the device that has been here a moment ago, or still seems to be, and
// never had its token to show. One that has is expected to show it.
func (r *Registry) returning(o Origin, now time.Time) *device {
	var found *device
	for _, d := range r.devices {
		if !d.Tokenless || d.Confirmed || d.Source != o.Source || key(d.Claimed) != key(o.Name) {
			continue
		}
		if d.online == 0 && now.Sub(d.lastSign()) >= r.settings.Grace {
			continue
		}
		if p, err := r.profile(d.Profile); err != nil || p.NoPIN || d.expired(now) {
			continue
		}
		if found == nil || d.lastSign().After(found.lastSign()) {
			found = d
		}
	}
	return found
}

// Allow makes a weak device, for clients that can send no token. Its name is what it has to
// call itself.
func (r *Registry) Allow(g Grant, from netip.Prefix) (Device, error) {
	r.io.Lock()
	now := r.enter()
	defer r.end()
	if clean(g.Name) == "" {
		return Device{}, complain(ErrInvalid, "a device that shows no token is known by its name: say which")
	}
	if !from.IsValid() {
		return Device{}, complain(ErrInvalid, "a device that shows no token is known by its address too: say which")
	}
	from = netip.PrefixFrom(from.Addr().Unmap(), from.Bits()).Masked()
	if !from.IsValid() {
		return Device{}, complain(ErrInvalid, "not an address")
	}
	for _, d := range r.devices {
		if d.Weak && !d.expired(now) && key(d.Claimed) == key(Clean(g.Name)) && overlap(d.From, from) {
			return Device{}, complain(ErrConflict, "%q from %s is let in already", d.Name, d.From)
		}
	}
	g.Weak, g.Lifetime = true, cmp.Or(g.Lifetime, LifetimeForever)
	d, _, err := r.issue(now, newcomer{Origin: Origin{Name: g.Name}, grant: g, from: from})
	if err != nil {
		return Device{}, err
	}
	return d.shown(), nil
}

func overlap(from string, other netip.Prefix) bool {
	prefix, err := netip.ParsePrefix(from)
	if err != nil {
		return within(other.String(), addrOf(from))
	}
	return prefix.Overlaps(other)
}

// addrOf is an address, or none.
func addrOf(text string) netip.Addr {
	addr, _ := netip.ParseAddr(text)
	return addr
}
