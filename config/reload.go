// The difference between two configurations, for SIGHUP.

package config

import "reflect"

// Changes names the options (by YAML path) that differ between two
// configurations: those that take effect in a running router, and those that
// wait for a restart.
func Changes(from, to Config) (live, restart []string) {
	for _, o := range options {
		if o.path == "" || reflect.DeepEqual(o.field(&from), o.field(&to)) {
			continue
		}
		if o.live {
			live = append(live, o.path)
		} else {
			restart = append(restart, o.path)
		}
	}
	return live, restart
}

// WithLive returns c with every option that takes effect in a running router
// taken from next: what is in force after a reload.
func (c Config) WithLive(next Config) Config {
	for _, o := range options {
		if o.live {
			reflect.ValueOf(o.field(&c)).Elem().Set(reflect.ValueOf(o.field(&next)).Elem())
		}
	}
	return c
}
