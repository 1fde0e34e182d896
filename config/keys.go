// The keys of the dashboard in a file: actions, and for each the keys that mean it.

package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// keys reads a mapping of actions to keys. Which actions there are, and whether two want the
// same key, the dashboard says.
func (r *reader) keys(o *option, field *map[string][]string, path string, n *yaml.Node) {
	before := len(r.load.problems)
	var keys map[string][]string
	r.mapping(n, path, func(action string, _, value *yaml.Node) {
		value = follow(value)
		at := path + "." + shown(action)
		items := []*yaml.Node{value} // one key needs no list
		if value.Kind == yaml.SequenceNode {
			items = value.Content
		}
		if keys == nil {
			keys = make(map[string][]string)
		}
		keys[action] = []string{} // an empty list takes an action's keys away
		for i, item := range items {
			if text, ok := r.scalar(fmt.Sprintf("%s[%d]", at, i), follow(item), false); ok {
				keys[action] = append(keys[action], text)
			}
		}
	})
	if len(r.load.problems) > before {
		r.load.failed(o)
		return
	}
	*field = keys
	r.load.give(o, r.where(n))
}

// keysShown are keys as they are printed: a list is never null.
func keysShown(keys map[string][]string) map[string][]string {
	list := make(map[string][]string)
	for action, of := range keys {
		list[action] = append([]string{}, of...)
	}
	return list
}

// yamlKeys writes keys on one line.
func yamlKeys(keys map[string][]string) string {
	texts := make([]string, 0, len(keys))
	for _, action := range slices.Sorted(maps.Keys(keys)) {
		texts = append(texts, yamlText(action)+": "+yamlText(keys[action]))
	}
	return "{" + strings.Join(texts, ", ") + "}"
}
