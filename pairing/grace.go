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
	name string // key of what it calls itself
	addr netip.Addr
}

// caller is by the full address: all of a LAN can share the /64 that Source is.
func (o Origin) caller() caller { return caller{key(o.Name), o.Addr} }

// is reports whether both seem to be the same. Of whom the address is not known nothing is.
func (c caller) is(other caller) bool { return c == other && c.addr.IsValid() }

// within reports whether an address is in a prefix, on whatever link, or is the one that
// from says.
func within(from string, addr netip.Addr) bool {
	if prefix, err := netip.ParsePrefix(from); err == nil {
		return prefix.Contains(addr.WithZone("")) // a prefix has no zone
	}
	return addr.IsValid() && addr == addrOf(from)
}

// weak returns the device that may come in from there under that name alone: one whose time
// is over only if there is no other.
func (r *Registry) weak(o Origin, now time.Time) (found *device) {
	for _, d := range r.devices {
		if d.Weak && key(d.Claimed) == key(o.Name) && within(d.From, o.Addr) && (found == nil || found.expired(now)) {
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
		if was := (caller{key(d.Claimed), d.Addr}); !d.Tokenless || d.Confirmed || !was.is(o.caller()) {
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
