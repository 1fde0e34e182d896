// The options of pairing: what they imply, what is refused and where, what a reload takes.

package config_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/config"
)

const pairs = `server:
  security:
    pairing:
      enabled: true
      pin_timeout: 30
      approval: both
      lobby: no
      reconnect_grace: off
      max_pins: 4
      file: /var/lib/clasp/devices
      default_permissions: {read: [/lights/**], write: []}
      profiles:
        crew: {read: [/**], write: ["/crew/{device}/**"], no_pin: yes}
        guest: {}
`

func TestPairing(t *testing.T) {
	loaded, err := config.Load(flags(t, "config="+write(t, pairs)), nil)
	if err != nil {
		t.Fatal(err)
	}
	want := config.Pairing{
		Enabled: true, Timeout: 30 * time.Second, Approval: "both", MaxPINs: 4, File: "/var/lib/clasp/devices",
		Default: config.Rights{Read: []string{"/lights/**"}},
		Profiles: map[string]config.Profile{
			"crew":  {Rights: config.Rights{Read: []string{"/**"}, Write: []string{"/crew/{device}/**"}}, NoPIN: true},
			"guest": {},
		},
	}
	if s := loaded.Config.Security; !s.RequireAuth || !reflect.DeepEqual(s.Pairing, want) {
		t.Errorf("got %+v", s)
	}
}

func TestPairingProblems(t *testing.T) {
	file := write(t, `server:
  security:
    pairing:
      timeout: 29
      approval: none
      reconnect_grace: of
      max_pins: 5
      default_permissions: {read: ["lights/**"], emit: [/a]}
      profiles:
        crew: {read: /a, write: ["{device}"], nopin: yes, no_pin: perhaps}
        "": {read: [/a]}
        guest: []
`)
	sameLines(t, problems(t, flags(t, "config="+file)), []string{
		`test.yaml:4:16: server.security.pairing.timeout: 29 is not between 30 and 3600`,
		`test.yaml:5:17: server.security.pairing.approval: "none" is not one of pin, operator, both`,
		`test.yaml:6:24: server.security.pairing.reconnect_grace: "of" is not a whole number`,
		`test.yaml:7:17: server.security.pairing.max_pins: 5 is not between 1 and 4`,
		`test.yaml:8:36: server.security.pairing.default_permissions.read[0]: bad pattern "lights/**": byte 0: must start with '/'`,
		`test.yaml:8:50: unknown key "emit" in server.security.pairing.default_permissions`,
		`test.yaml:10:22: server.security.pairing.profiles.crew.read: expected a list of patterns, found a single value`,
		`test.yaml:10:34: server.security.pairing.profiles.crew.write[0]: bad pattern "{device}": byte 0: must start with '/'`,
		`test.yaml:10:47: unknown key "nopin" in server.security.pairing.profiles.crew, did you mean no_pin?`,
		`test.yaml:10:67: server.security.pairing.profiles.crew.no_pin: "perhaps" is neither true nor false`,
		`test.yaml:11:9: server.security.pairing.profiles: "" is empty or has a space at an end`,
		`test.yaml:12:16: server.security.pairing.profiles.guest: expected keys, found a list`,
	})
}

// TestPairingTurnsAuthOn: what says the opposite as strongly is a contradiction.
func TestPairingTurnsAuthOn(t *testing.T) {
	file := write(t, "server: {security: {require_auth: false, pairing: {enabled: true}}}\n")
	sameLines(t, problems(t, flags(t, "config="+file)), []string{
		"test.yaml:1:35: server.security.require_auth: pairing is of no use where everybody is let in: leave out require_auth, which pairing turns on, or turn pairing off",
	})
	file = write(t, "server: {security: {require_auth: false}}\n")
	if loaded, err := config.Load(flags(t, "config="+file, "pairing=true"), nil); err != nil || !loaded.Config.Security.RequireAuth {
		t.Errorf("a flag over the file: %v", err)
	}
	// Who has paired devices can do without other tokens.
	if _, err := config.Load(flags(t, "require-auth=true"), []string{"CLASP_SECURITY_PAIRING_FILE=f"}); err != nil {
		t.Error(err)
	}
	sameLines(t, problems(t, flags(t, "log-file=./f", "pairing=true"), "CLASP_SECURITY_PAIRING_FILE=f"), []string{
		"CLASP_SECURITY_PAIRING_FILE: the log and the paired devices cannot be the same file: change one of them",
	})
}

// TestPairingReload: all of it is live but the file. To turn it on waits for a restart where
// there is no file of devices, and so does all that belongs to it.
func TestPairingReload(t *testing.T) {
	t.Chdir(t.TempDir())
	off := taken(t, "token-secret=a")
	on := taken(t, "token-secret=b", "pairing=true", "pairing-timeout=60")
	live, restart := config.Changes(off, on, nil)
	sameLines(t, live, nil)
	sameLines(t, restart, []string{"security.require_auth", "security.token_secret", "security.pairing.enabled", "security.pairing.timeout"})

	off.Security.Pairing.Known = true
	on.Security.Pairing.File = "elsewhere"
	live, restart = config.Changes(off, on, nil)
	sameLines(t, live, []string{"security.require_auth", "security.token_secret", "security.pairing.enabled", "security.pairing.timeout"})
	sameLines(t, restart, []string{"security.pairing.file"})
	if now := off.WithLive(on); !now.Security.Pairing.Enabled || !now.Security.Pairing.Known {
		t.Errorf("in force: %+v", now.Security)
	}

	// Turned off, it would let everybody in if nothing else asked for tokens.
	live, restart = config.Changes(on, taken(t, "token-secret=b"), nil)
	sameLines(t, live, nil)
	sameLines(t, restart, []string{"security.require_auth", "security.pairing.enabled", "security.pairing.timeout", "security.pairing.file"})
	live, _ = config.Changes(on, taken(t, "token-secret=b", "require-auth=true", "pairing-timeout=60"), nil)
	sameLines(t, live, []string{"security.pairing.enabled"})
}
