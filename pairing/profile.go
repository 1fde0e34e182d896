// Profiles: what a device may do, named by what it is for (pairing section 1).

package pairing

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/clasp-studio/clasp/router/address"
)

const (
	defaultProfile = "default"
	// placeholder stands for the device's name in a pattern.
	placeholder = "{device}"
)

// builtIn returns the profiles that are there unless others have their names. The router's
// own addresses are nobody's to write, whatever a pattern says: the engine sees to that.
func builtIn() map[string]Profile {
	all := []string{"/**"}
	profiles := map[string]Profile{}
	for _, p := range []Profile{
		{Name: defaultProfile, Read: all, Write: all},
		{Name: "viewer", Read: all},
		{Name: "operator", Read: all, Write: all},
		{Name: "sensor", Write: []string{"/sensors/" + placeholder + "/**"}},
		{Name: "admin", Read: all, Write: all, NoPIN: true},
	} {
		profiles[p.Name] = p
	}
	return profiles
}

// merged returns the built-in profiles and, in their place or besides, others. An admin is
// never made by a PIN alone, also where another profile of that name says so.
func merged(others map[string]Profile) (map[string]Profile, error) {
	profiles := builtIn()
	for name, p := range others {
		if name == "" || clean(name) != name {
			return nil, complain(ErrInvalid, "profile %q: not a name that can be shown", clean(name))
		}
		for _, pattern := range slices.Concat(p.Read, p.Write) {
			if _, err := address.Compile(fill(pattern, unnamed)); err != nil {
				return nil, fmt.Errorf("profile %q: %w", name, complain(ErrInvalid, "%v", err))
			}
		}
		p.Name = name
		p.Read, p.Write = slices.Clone(p.Read), slices.Clone(p.Write)
		p.NoPIN = p.NoPIN || name == "admin"
		profiles[name] = p
	}
	return profiles, nil
}

// profile returns a profile by name, "" is the default one.
func (r *Registry) profile(name string) (Profile, error) {
	p, ok := r.profiles[cmp.Or(name, defaultProfile)]
	if !ok {
		names := slices.Sorted(maps.Keys(r.profiles))
		return p, complain(ErrInvalid, "no profile is called %q: there are %s", clean(name), strings.Join(names, ", "))
	}
	return p, nil
}

// Profiles returns all profiles, by name.
func (r *Registry) Profiles() []Profile {
	r.enter()
	defer r.leave()
	profiles := slices.Collect(maps.Values(r.profiles))
	slices.SortFunc(profiles, func(a, b Profile) int { return strings.Compare(a.Name, b.Name) })
	for i := range profiles {
		p := &profiles[i]
		p.Read, p.Write = slices.Clone(p.Read), slices.Clone(p.Write)
	}
	return profiles
}

func fill(pattern, name string) string {
	return strings.ReplaceAll(pattern, placeholder, segment(name))
}

func fillAll(patterns []string, name string) []string {
	filled := make([]string, len(patterns))
	for i, pattern := range patterns {
		filled[i] = fill(pattern, name)
	}
	return filled
}

// access returns what a device may do now: nothing, if its profile is there no more.
func (r *Registry) access(d *device) *Access {
	p := r.profiles[d.Profile]
	return &Access{
		Device: d.ID, Name: d.Name, Profile: d.Profile, Weak: d.Weak,
		Read: fillAll(p.Read, d.Name), Write: fillAll(p.Write, d.Name),
	}
}

// same reports whether two accesses give the same rights.
func (a *Access) same(b *Access) bool {
	return slices.Equal(a.Read, b.Read) && slices.Equal(a.Write, b.Write)
}
