// The profiles of paired devices in a file: names, and below each what it allows.

package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// profiles reads a mapping of names to {read, write, no_pin}.
func (r *reader) profiles(o *option, field *map[string]Profile, path string, n *yaml.Node) {
	before := len(r.load.problems)
	var profiles map[string]Profile
	r.mapping(n, path, func(name string, at, value *yaml.Node) {
		if err := checkText(name); err != nil {
			r.problem(at, "%s: %v", path, err)
		}
		if profiles == nil {
			profiles = make(map[string]Profile)
		}
		profiles[name] = r.profile(path+"."+shown(name), value)
	})
	if len(r.load.problems) > before {
		r.load.failed(o)
		return
	}
	*field = profiles
	r.load.give(o, r.where(n))
}

// profile reads one. What is left out is not allowed.
func (r *reader) profile(path string, n *yaml.Node) (p Profile) {
	keys := []string{"read", "write", "no_pin"}
	r.mapping(n, path, func(key string, name, value *yaml.Node) {
		value, at := follow(value), path+"."+key
		switch key {
		case "read":
			p.Read = r.patterns(at, value)
		case "write":
			p.Write = r.patterns(at, value)
		case "no_pin":
			text, ok := r.scalar(at, value, false)
			if !ok {
				return
			}
			if err := setBool(&p.NoPIN, text); err != nil {
				r.problem(value, "%s: %v", at, err)
			}
		default:
			r.problem(name, "unknown key %q in %s%s", shown(key), path, didYouMean(Nearest(key, keys)))
		}
	})
	return p
}

// patterns reads a list of patterns.
func (r *reader) patterns(path string, n *yaml.Node) (patterns []string) {
	if n.Kind != yaml.SequenceNode {
		r.problem(n, "%s: expected a list of patterns, found %s", path, describe(n))
		return nil
	}
	for i, item := range n.Content {
		item, at := follow(item), fmt.Sprintf("%s[%d]", path, i)
		text, ok := r.scalar(at, item, false)
		if !ok {
			continue
		}
		if err := checkPattern(text); err != nil {
			r.problem(item, "%s: %v", at, err)
		}
		patterns = append(patterns, text)
	}
	return patterns
}

// profilesShown are profiles as they are printed: a list is never null.
func profilesShown(profiles map[string]Profile) map[string]Profile {
	list := make(map[string]Profile)
	for name, p := range profiles {
		p.Read, p.Write = append([]string{}, p.Read...), append([]string{}, p.Write...)
		list[name] = p
	}
	return list
}

// yamlProfiles writes profiles on one line.
func yamlProfiles(profiles map[string]Profile) string {
	texts := make([]string, 0, len(profiles))
	for _, name := range slices.Sorted(maps.Keys(profiles)) {
		p := profiles[name]
		texts = append(texts, fmt.Sprintf("%s: {read: %s, write: %s, no_pin: %t}", yamlText(name), yamlText(p.Read), yamlText(p.Write), p.NoPIN))
	}
	return "{" + strings.Join(texts, ", ") + "}"
}
