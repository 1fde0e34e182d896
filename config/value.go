// Text to value and back, for the handful of types an option can have.

package config

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// set parses text into the option's field of c. The error never quotes the
// text of a secret.
func (o *option) set(c *Config, text string) error {
	// An empty value is nearly always a shell variable that was not set, and
	// treating it as "not given" could switch off TLS or authentication.
	if text == "" {
		return errors.New("is empty; leave it out or give a value")
	}
	switch field := o.field(c).(type) {
	case *string:
		if len(o.choices) > 0 {
			return o.choose(field, text)
		}
		if o.check != nil {
			if err := o.check(text); err != nil {
				return err
			}
		}
		*field = text
	case *Secret:
		*field = Secret(text)
	case *bool:
		return setBool(field, text)
	case *int:
		return o.number(field, text)
	case *time.Duration:
		var seconds int
		if o.off && text == "off" {
			text = "0"
		}
		if err := o.number(&seconds, text); err != nil {
			return err
		}
		*field = time.Duration(seconds) * time.Second
	default:
		return fmt.Errorf("is a list; it can only be given in a file, under %s", o.key())
	}
	return nil
}

func (o *option) choose(field *string, text string) error {
	var on bool
	if o.bare != "" && setBool(&on, text) == nil {
		if text = "off"; on {
			text = o.bare
		}
	}
	for _, choice := range o.choices {
		if text == choice {
			*field = text
			return nil
		}
	}
	return fmt.Errorf("%q is not one of %s%s", text, strings.Join(o.choices, ", "), didYouMean(Nearest(text, o.choices)))
}

func (o *option) number(field *int, text string) error {
	n, err := strconv.Atoi(text)
	switch {
	case errors.Is(err, strconv.ErrRange) || err == nil && (n < o.min || n > o.max):
		return fmt.Errorf("%s is not between %d and %d", text, o.min, o.max)
	case err != nil:
		return fmt.Errorf("%q is not a whole number", text)
	}
	*field = n
	return nil
}

// setBool takes what people write for yes and no in YAML and in environments.
func setBool(field *bool, text string) error {
	switch strings.ToLower(text) {
	case "true", "yes", "on", "1":
		*field = true
	case "false", "no", "off", "0":
		*field = false
	default:
		return fmt.Errorf("%q is neither true nor false", text)
	}
	return nil
}

// value returns the option's value in c as JSON shows it: durations in
// seconds, secrets masked, nil for a text that is not set.
func (o *option) value(c *Config) any {
	switch field := o.field(c).(type) {
	case *string:
		if *field == "" {
			return nil
		}
		return *field
	case *Secret:
		if *field == "" {
			return nil
		}
		return field.String()
	case *bool:
		return *field
	case *int:
		return *field
	case *time.Duration:
		return int(*field / time.Second)
	case *[]Conflict:
		return append([]Conflict{}, *field...)
	case *[]string:
		return append([]string{}, *field...)
	case *map[string]Profile:
		return profilesShown(*field)
	case *map[string][]string:
		return keysShown(*field)
	default:
		panic(fmt.Sprintf("config: option %s has type %T", o.path, field))
	}
}

// isSwitch reports whether the flag may stand without a value.
func (o *option) isSwitch() bool {
	_, ok := o.field(&Config{}).(*bool)
	return ok || o.bare != ""
}

func (o *option) isSecret() bool {
	_, ok := o.field(&Config{}).(*Secret)
	return ok
}

func (o *option) isList() bool {
	switch o.field(&Config{}).(type) {
	case *[]Conflict, *[]string, *map[string]Profile, *map[string][]string:
		return true
	default:
		return false
	}
}
