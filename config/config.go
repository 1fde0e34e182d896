// Package config is the reference page of `clasp server` as one struct and one
// table. Flags, YAML, environment, help, the sample file, `config print`,
// validation and the reload diff are all derived from the table in options.go,
// so an option is added in one place.
//
// Rules: operations, section 1.
package config

import "time"

// Config holds the value of every option. What each means, its unit, its
// default and its range stand in the table of options.
type Config struct {
	Name string
	Port int
	Bind string

	TCP  Listener
	QUIC Listener
	UDP  Listener
	TLS  TLS

	Discovery   Discovery
	Security    Security
	Limits      Limits
	Conflicts   []Conflict
	Persistence Persistence
	Logging     Logging
	Metrics     Listener

	File string // the configuration file in use, empty for none
	TUI  TUI
}

// Listener is a port that is off unless Enabled.
type Listener struct {
	Enabled bool
	Port    int
}

// TLS names the PEM files of the router's certificate.
type TLS struct {
	Enabled   bool
	Cert, Key string
}

// Discovery says how clients find the router.
type Discovery struct {
	MDNS MDNS
	UDP  Listener
}

// MDNS is the advertisement of service _clasp._tcp.
type MDNS struct {
	Enabled bool
	Name    string
}

// Security says who may connect.
type Security struct {
	RequireAuth     bool
	TokenSecret     Secret
	TokenSecretFile string
	TokenPublicKey  string
	TokenIssuer     string   // what a token's "iss" must be; empty = anything
	TokenAudience   string   // what a token's "aud" must name; empty = anything
	RevokedTokens   []string // ids ("jti") of tokens that are no longer good
	AllowedOrigins  []string // see package sites; empty = pages of any site may connect
	Pairing         Pairing
}

// Pairing lets people admit devices that have no token: see package pairing.
type Pairing struct {
	Enabled  bool
	Timeout  time.Duration // life of a PIN
	Approval string        // "pin", "operator" or "both": what is enough
	Lobby    bool          // devices may ask to be let in; without it only invites let in
	Grace    time.Duration // how long a device without a token may come back unasked; 0 = not
	MaxPINs  int           // of invites, open at once
	TLS      bool          // only over connections that nobody else can read
	Default  Rights        // of the profile that is given unless another one is named
	Profiles map[string]Profile
	File     string // of the devices; empty = beside the state

	// Known is no option: a router that runs has the file of its devices open, so that
	// pairing can be turned on without a restart.
	Known bool
}

// Rights are the patterns of the addresses that a device may read and write.
type Rights struct {
	Read  []string `json:"read"`
	Write []string `json:"write"`
}

// Profile is what a device may do. In its patterns {device} stands for its name.
type Profile struct {
	Rights
	NoPIN bool `json:"no_pin"` // is not given by a PIN alone
}

// Limits bound what clients may use.
type Limits struct {
	MaxConnections       int
	MaxConnectionsPerIP  int // 0 = no limit; an IPv6 /64 counts as one address
	MaxMessageSize       int // bytes
	MaxSubscriptions     int // patterns a session
	MaxMessagesPerSecond int // a session; 0 = no limit
	MaxParams            int
	WelcomeSnapshot      int           // params; 0 = none are sent on connecting
	SessionTimeout       time.Duration // 0 = idle sessions stay
}

// Conflict is the rule for concurrent writes to the params whose address
// matches Pattern; Strategy is one of Strategies (protocol, section 7).
type Conflict struct {
	Pattern  string `json:"pattern"`
	Strategy string `json:"strategy"`
}

// Strategies lists the conflict strategies, the default first.
func Strategies() []string { return []string{"lww", "max", "min", "lock"} }

// Persistence keeps params on disk.
type Persistence struct {
	Enabled      bool
	Path         string
	SyncInterval time.Duration
	// Exclude are the patterns of params that are not kept: each start finds them
	// without a value (strobe, pyro, fog).
	Exclude []string
}

// Logging says what is logged, how and where. An empty File is stdout.
type Logging struct {
	Level, Format, File string
}

// TUI is the dashboard of `clasp server --tui` and `clasp tui`.
type TUI struct {
	Mode     string // "on", "off", or "auto": on where there is a terminal
	Theme    string // "auto", "dark", "light", "contrast", "mono" or "blind"
	ASCII    bool
	FPS      int                 // frames a second at most; 0 = 20, and 10 over ssh
	ReadOnly bool                // the router cannot be changed from it
	Privacy  bool                // starts with names, addresses of machines and PINs masked
	Notify   bool                // bell and window title when a device wants in
	Keys     map[string][]string // by action: the keys in place of the usual ones
}

// Secret is a value that no log, message or listing may show. Its formatted
// form is a mask; convert it to string to use it.
type Secret string

const secretMask = "(set, not shown)" //nolint:gosec // G101: it stands where a secret would

// String returns a mask, never the secret.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return secretMask
}

// GoString masks the secret under %#v too.
func (s Secret) GoString() string { return s.String() }

// MarshalText masks the secret in JSON and in structured logs.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
