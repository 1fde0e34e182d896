// What the model speaks of: plain values, safe to keep and to show after Clean.

package pairing

import (
	"net/netip"
	"time"
)

// Policy says what is enough to let a knock in.
type Policy string

// The policies of pairing.approval.
const (
	PolicyPIN      Policy = "pin"      // the code typed on the device, or the operator's word
	PolicyOperator Policy = "operator" // only the operator's word; no codes exist
	PolicyBoth     Policy = "both"     // the code, and then the operator's word
)

// Lifetime is how long a device stays good. It counts when the device says HELLO, never
// for a session that runs.
type Lifetime string

// The lifetimes.
const (
	LifetimeShow    Lifetime = "show"    // 12 hours from approval
	LifetimeSliding Lifetime = "30d"     // 30 days since it was last seen, the default
	LifetimeForever Lifetime = "forever" // until it is revoked
)

// Profile is what a device may do, as patterns of addresses (protocol section 6). In them
// {device} stands for the device's name as one segment of an address.
type Profile struct {
	Name  string
	Read  []string
	Write []string
	NoPIN bool // never by a PIN alone: the operator's word or a secret is needed
}

// Origin is where a device comes from. Name and Kind are what it says of itself: hostile
// until Clean has made them harmless, which the Registry does.
type Origin struct {
	Name, Kind string
	Addr       netip.Addr // the full address, unmapped, with its zone: who it is; the zero one is nobody's
	Source     netip.Addr // whom its failures and seats count for: an IPv4 address, the /64 of an IPv6 address
	Remote     string     // its address, for people
	Transport  string     // "ws", "quic", "tcp" or "http"
	Encrypted  bool
}

// Ending is sessions of a device that must end.
type Ending struct {
	Device string
	Code   Code // CodeRevoked, or 0: its client has to come again
	Weak   bool // only those that have shown no secret (Access.Weak)
}

// Grant is what the operator gives.
type Grant struct {
	Name     string   // of the device, in place of what it calls itself; "" = that
	Profile  string   // "" = default
	Lifetime Lifetime // "" = LifetimeSliding
	Weak     bool     // by name and address alone, without a token
	By       string   // which operator, for the audit log
}

// Access is a device that has been let in, with what it may do now.
type Access struct {
	Device  string // its ID
	Name    string
	Profile string
	Read    []string // patterns, {device} filled in
	Write   []string
	Weak    bool // it has shown no secret: let in by name and address

	session bool // it stands for a session that is there
}

// State is where a knock stands (section 2).
type State string

// The states of a Visit.
const (
	StateWaiting State = "waiting"    // in the lobby; the operator has not looked yet
	StateCode    State = "code_shown" // the operator sees a code, which the device is to type
	StateBurned  State = "code_burned"
	StateExpired State = "code_expired"
	StateAwait   State = "awaiting_approval" // the code was right, and the policy wants the operator's word too
	StateIssued  State = "issued"            // a device, whose token can be fetched for a minute
	StateActive  State = "active"            // a device that uses what it has got
	StateDenied  State = "denied"
	StateTimeout State = "timeout" // idle for too long, evicted, or pairing has gone off: the visit is over
	StateRevoked State = "revoked"
)

// Status is what a device may know of its visit.
type Status struct {
	State        State
	ID           string
	Match        string        // two pairs of digits to compare with those the operator sees, "42-17"
	PINRequired  bool          // a code can be typed now: its own, or that of an open invite
	ExpiresIn    time.Duration // of the code, or of the token's being there; 0 = nothing runs out
	AttemptsLeft int
	RetryAfter   time.Duration
	RouterID     string
	RouterName   string
	Profile      string // once approved
}

// Token is what a device keeps. The secret is in it, and nowhere else.
type Token struct {
	Text       string // clp_<device id>_<secret>
	Device     string
	RouterID   string
	RouterName string
	Profile    string
	Read       []string
	Write      []string
	Expires    time.Time // zero = not as long as it is used, or never
}

// Knock is a visit as the operator sees it.
type Knock struct {
	ID        string
	Name      string // cleaned
	Kind      string // cleaned
	Want      []string
	Remote    string
	Transport string
	Encrypted bool
	Match     string
	State     State
	Code      string    // while one is shown: only for a terminal or an admin client
	Expires   time.Time // of the code
	Since     time.Time
	Sessions  int    // that wait under this name, this one too: above 1 only the match code tells which is whose
	Profile   string // what the invite gives whose PIN it has typed, "" = none
	Known     string // ID of a device with this name, "" = none: a second one may be another's
}

// Invite is a grant made beforehand.
type Invite struct {
	ID      string
	Grant   Grant
	PIN     string // "" when there is none, or it is locked
	Secret  string // 128 bits in URL-safe base64
	Expires time.Time
}

// Device is one that has been let in.
type Device struct {
	ID          string    `json:"id"`
	Name        string    `json:"name"`    // the operator's, unique
	Claimed     string    `json:"claimed"` // its own, cleaned
	Profile     string    `json:"profile"`
	Lifetime    Lifetime  `json:"lifetime"`
	Weak        bool      `json:"weak,omitempty"`
	From        string    `json:"from,omitempty"` // address or prefix that a weak device has to come from
	Transport   string    `json:"transport,omitempty"`
	CreatedBy   string    `json:"created_by,omitempty"`
	CreatedAt   time.Time `json:"created_at"`
	CreatedFrom string    `json:"created_from,omitempty"`
	LastSeen    time.Time `json:"last_seen,omitzero"`
	Expires     time.Time `json:"expires,omitzero"`
	Confirmed   bool      `json:"confirmed"`
	Tokenless   bool      `json:"tokenless,omitempty"` // approved over a session whose client may have no place for a token
	Online      int       `json:"online"`              // sessions it has now
}

// Overview is how pairing stands.
type Overview struct {
	Enabled   bool
	Policy    Policy
	Locked    bool   // invite PINs, until the operator unlocks them
	LockedWhy string // in words
	Misses    int    // in this window
	Knocks    int
	Invites   int
	Devices   int
	Codes     map[string]int    // open ones, by kind: "request", "invite"
	Requests  map[string]uint64 // by outcome, since the start
	Failures  map[string]uint64 // wrong PINs, by kind
}

// Event is a line of the audit log. It never holds a secret.
type Event struct {
	Time     time.Time `json:"time"`
	What     string    `json:"what"` // knock, code_opened, miss, issued, denied, revoked, locked, ...
	Operator string    `json:"operator,omitempty"`
	Source   string    `json:"source,omitempty"`
	Device   string    `json:"device,omitempty"`
	Name     string    `json:"name,omitempty"`
	Detail   string    `json:"detail,omitempty"`
}
