// The claims about rights in a token: from JSON and back (protocol section 10).

package auth

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// claimsOf reads the rights that a token's JSON states. The first of "clasp", "sf" and "scopes" that is there counts alone, and
// the others are not looked at: an issuer that writes an object for us has said all it wants to say, and adding to it what
// stands under names that other services share ("scopes") would give more than that. A token with none of them has no rights.
//
// Whatever cannot be understood refuses the whole token. A key we do not know too: it could be a misspelt constraint.
func claimsOf(token map[string]any) (Claims, error) {
	for _, name := range []string{"clasp", "sf"} {
		value, there := token[name]
		if !there {
			continue
		}
		object, ok := value.(map[string]any)
		if !ok {
			return Claims{}, fmt.Errorf("%s: must be an object", name)
		}
		return objectClaims(object)
	}
	if scopes, there := token["scopes"]; there {
		return objectClaims(map[string]any{"scopes": scopes})
	}
	return Claims{}, nil
}

func objectClaims(object map[string]any) (c Claims, err error) {
	for _, key := range slices.Sorted(maps.Keys(object)) {
		value := object[key]
		switch key {
		case "read":
			err = appendTexts(&c.Read, value)
		case "write":
			err = appendTexts(&c.Write, value)
		case "emit":
			err = appendTexts(&c.Emit, value)
		case "subscribe":
			err = appendTexts(&c.Subscribe, value)
		case "scopes":
			err = c.addScopes(value)
		case "constraints":
			err = c.addConstraints(value)
		default:
			return Claims{}, errors.New("the object with the rights has a key other than read, write, emit, subscribe, scopes and constraints")
		}
		if err != nil {
			return Claims{}, fmt.Errorf("%s: %w", key, err)
		}
	}
	return c, nil
}

func appendTexts(to *[]string, value any) error {
	list, ok := value.([]any)
	if !ok {
		return errors.New("must be a list")
	}
	for i, item := range list {
		text, ok := item.(string)
		if !ok {
			return fmt.Errorf("entry %d: must be text", i+1)
		}
		*to = append(*to, text)
	}
	return nil
}

// addScopes adds "read:/p", "write:/p" and "admin:/p". Other than in the lists, write has reading in it; admin is everything,
// which at an address is the same.
func (c *Claims) addScopes(value any) error {
	var scopes []string
	if err := appendTexts(&scopes, value); err != nil {
		return err
	}
	for i, scope := range scopes {
		action, pattern, ok := strings.Cut(scope, ":")
		switch {
		case !ok || action != "read" && action != "write" && action != "admin":
			return fmt.Errorf("entry %d: must be read, write or admin, a colon and a pattern", i+1)
		case action != "read":
			c.Write = append(c.Write, pattern)
		}
		c.Read = append(c.Read, pattern)
	}
	return nil
}

// addConstraints adds {pattern: {range: [min, max], maxRate: n}}, in the order of the patterns.
func (c *Claims) addConstraints(value any) error {
	byPattern, ok := value.(map[string]any)
	if !ok {
		return errors.New("must be an object")
	}
	for i, pattern := range slices.Sorted(maps.Keys(byPattern)) {
		constraint, err := readConstraint(byPattern[pattern])
		if err != nil {
			return fmt.Errorf("entry %d: %w", i+1, err)
		}
		constraint.Pattern = pattern
		c.Constraints = append(c.Constraints, constraint)
	}
	return nil
}

func readConstraint(value any) (c Constraint, err error) {
	object, ok := value.(map[string]any)
	if !ok {
		return c, errors.New("must be an object")
	}
	for key, value := range object {
		switch key {
		case "range":
			list, _ := value.([]any)
			if len(list) != 2 {
				return c, errors.New("range: must be a list of two numbers")
			}
			low, ok := list[0].(float64)
			high, ok2 := list[1].(float64)
			if !ok || !ok2 {
				return c, errors.New("range: must be a list of two numbers")
			}
			c.HasRange, c.Min, c.Max = true, low, high
		case "maxRate":
			// Zero is refused, since one reader takes it for "no writes" and the next for "no limit".
			if c.MaxRate, ok = value.(float64); !ok || c.MaxRate <= 0 {
				return c, errors.New("maxRate: must be a number above 0")
			}
		default:
			return c, errors.New("has a key other than range and maxRate")
		}
	}
	return c, nil
}

// object is the opposite of objectClaims.
func (c *Claims) object() (map[string]any, error) {
	object := map[string]any{}
	for name, texts := range map[string][]string{"read": c.Read, "write": c.Write, "emit": c.Emit, "subscribe": c.Subscribe} {
		if len(texts) > 0 {
			object[name] = texts
		}
	}
	if len(c.Constraints) > 0 {
		byPattern := map[string]any{}
		for _, constraint := range c.Constraints {
			if _, twice := byPattern[constraint.Pattern]; twice {
				return nil, errors.New("constraints: two are of the same pattern: make one of them")
			}
			one := map[string]any{}
			if constraint.HasRange {
				one["range"] = []float64{constraint.Min, constraint.Max}
			}
			if constraint.MaxRate > 0 {
				one["maxRate"] = constraint.MaxRate
			}
			byPattern[constraint.Pattern] = one
		}
		object["constraints"] = byPattern
	}
	return object, nil
}
