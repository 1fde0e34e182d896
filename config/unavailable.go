// What the reference page offers and this build does not have yet.

package config

import "strings"

// unavailable shrinks as features arrive: take the line out with the feature.
var unavailable = []struct{ option, feature string }{
	{"tui", "the dashboard"},
}

// Unavailable says on one line which features this configuration uses that
// this build does not have, and where each was asked for; "" when there are
// none.
func (l *Loaded) Unavailable() string {
	lacking := map[*option]bool{}
	for _, u := range unavailable {
		lacking[named(u.option)] = true
	}
	var features []string
	places := map[string][]string{}
	for _, u := range unavailable {
		o := named(u.option)
		from := l.origins[o]
		if value := o.value(&l.Config); value == nil || value == false || lacking[from.by] {
			continue
		}
		if places[u.feature] == nil {
			features = append(features, u.feature)
		}
		places[u.feature] = append(places[u.feature], from.place())
	}
	if len(features) == 0 {
		return ""
	}
	for i, feature := range features {
		features[i] = feature + " (" + strings.Join(places[feature], ", ") + ")"
	}
	return "this build does not have " + strings.Join(features, ", ") + " yet; leave out what asks for it"
}
