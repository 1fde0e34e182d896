// The names of devices: each is one device's, as people read it and as a part of an address.

package pairing

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// segment is a name as one segment of an address, in which neither '/' nor '*' can stand.
func segment(name string) string { return inSegment.Replace(name) }

var inSegment = strings.NewReplacer("/", "_", "*", "_")

// key is what two names have in common that are one to people, or in an address.
func key(name string) string { return strings.ToLower(segment(name)) }

// named returns the device of that name.
func (r *Registry) named(name string) *device {
	k := key(name)
	for _, d := range r.devices {
		if key(d.Name) == k {
			return d
		}
	}
	return nil
}

// taken reports whether a name cannot be given. That of another device's ID cannot either:
// commands take both.
func (r *Registry) taken(name string) bool {
	return r.named(name) != nil || r.devices[key(name)] != nil
}

// unique returns a clean name, with a number behind it if it is taken.
func (r *Registry) unique(name string) string {
	base := name
	for n := 2; r.taken(name); n++ {
		suffix := fmt.Sprintf(" (%d)", n)
		for utf8.RuneCountInString(base)+len(suffix) > nameLength {
			_, size := utf8.DecodeLastRuneInString(base)
			base = strings.TrimSuffix(base[:len(base)-size], " ")
		}
		name = base + suffix
	}
	return name
}

// find returns a device by its ID or name.
func (r *Registry) find(ref string) (*device, error) {
	if d := r.devices[ref]; d != nil {
		return d, nil
	}
	if d := r.named(clean(ref)); d != nil {
		return d, nil
	}
	return nil, complain(ErrUnknown, "no device has the name or ID %q", clean(ref))
}
