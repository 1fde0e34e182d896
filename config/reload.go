// The difference between two configurations, for SIGHUP.

package config

import (
	"crypto/sha256"
	"reflect"
	"slices"
	"strings"

	"github.com/clasp-studio/clasp/router/smallfile"
)

// Files holds a fingerprint of every file that a configuration names and that is read
// again on SIGHUP, by the path of its option.
type Files map[string][sha256.Size]byte

// Files reads those of c. One that cannot be read is left out, and so are those of the
// certificate, which is taken up without SIGHUP too.
func (c Config) Files() Files {
	files := Files{}
	for _, o := range options {
		name, ok := o.field(&c).(*string)
		if !ok || !o.exists || !o.live || o.cert || *name == "" {
			continue
		}
		if content, _, err := smallfile.Read(*name); err == nil {
			files[o.path] = sha256.Sum256(content)
		}
	}
	return files
}

// Changed names the options whose file holds something else in next.
func (f Files) Changed(next Files) []string {
	var changed []string
	for _, o := range options {
		if f[o.path] != next[o.path] {
			changed = append(changed, o.path)
		}
	}
	return changed
}

// Opens reports whether next would turn off security.require_auth, which no reload does: a
// file that is half written, or was replaced by mistake, must not let everybody in. All of
// security waits for a restart then, since its keys and lists belong together.
func (c Config) Opens(next Config) bool {
	return c.Security.RequireAuth && !next.Security.RequireAuth
}

// KeepsSecurity reports whether a reload to next leaves all of security as it is, for what
// belongs together cannot be taken whole: Opens, or next turns pairing on in a router that
// has no file of paired devices, and so could not keep new ones, or wants it encrypted in one
// that has to be restarted to get TLS.
func (c Config) KeepsSecurity(next Config) bool {
	now := c.Security.Pairing
	meanwhile := next
	meanwhile.TLS = c.TLS
	return c.Opens(next) || next.Security.Pairing.Enabled && !now.Enabled && !now.Known || meanwhile.lacksTLS()
}

// taken reports whether a router that runs with from takes the option from to. It can
// only show another certificate if it shows one now and goes on doing so.
func (o *option) taken(from, to Config) bool {
	switch {
	case o.cert:
		return from.TLS.Enabled && to.TLS.Enabled
	case strings.HasPrefix(o.path, "security."):
		return o.live && !from.KeepsSecurity(to)
	default:
		return o.live
	}
}

// Changes names the options (by YAML path) that differ between two
// configurations: those that take effect in a running router, and those that
// wait for a restart. An option named in files counts even if it is the same, since
// what it names has changed. One that follows another, and still does, does not count.
func Changes(from, to Config, files []string) (live, restart []string) {
	for _, o := range options {
		same := reflect.DeepEqual(o.field(&from), o.field(&to)) && !slices.Contains(files, o.path)
		switch {
		case o.path == "" || same || o.follows(&from) && o.follows(&to):
		case o.taken(from, to):
			live = append(live, o.path)
		default:
			restart = append(restart, o.path)
		}
	}
	return live, restart
}

// WithLive returns c with every option that takes effect in a running router
// taken from next: what is in force after a reload.
func (c Config) WithLive(next Config) Config {
	before := c
	for _, o := range options {
		if o.taken(before, next) {
			reflect.ValueOf(o.field(&c)).Elem().Set(reflect.ValueOf(o.field(&next)).Elem())
		}
	}
	return c
}

// follows reports whether the option has the value of the one that is its default.
func (o *option) follows(c *Config) bool {
	return o.leader != "" && reflect.DeepEqual(o.field(c), named(o.leader).field(c))
}
