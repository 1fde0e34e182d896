// What the commands and the running router say to each other about pairing, over the admin
// socket: the calls, what they want and what they answer, as JSON.
//
// A refusal is 400 (it makes no sense), 404 (there is no such thing), 409 (not now) or 503
// (the disk, or pairing is off and there are no devices) with a pairingRefusal. Names in
// answers have been made harmless. PINs and secrets are in them: they are for a terminal, or
// for whoever asks for JSON, and for no log.

package main

import (
	"time"

	"github.com/clasp-studio/clasp/pairing"
)

// The calls. Where one has {id} or {ref}, pairingRoute fills it in.
const (
	pairingRoute       = "GET /pairing"                        // -> pairingView
	pickRoute          = "POST /pairing/knocks/{id}/pick"      // -> knockView, with its code
	approveRoute       = "POST /pairing/knocks/{id}/approve"   // grantRequest -> deviceView
	denyRoute          = "POST /pairing/knocks/{id}/deny"      // -> nothing
	inviteRoute        = "POST /pairing/invites"               // inviteRequest -> inviteView
	inviteStateRoute   = "GET /pairing/invites/{id}"           // -> inviteView; its State says what became of it
	closeInviteRoute   = "DELETE /pairing/invites/{id}"        // -> nothing
	unlockRoute        = "POST /pairing/unlock"                // -> nothing
	allowRoute         = "POST /pairing/allow"                 // allowRequest -> deviceView
	devicesRoute       = "GET /pairing/devices"                // -> []deviceView, by name
	deviceRoute        = "GET /pairing/devices/{ref}"          // -> deviceView; ref is a name or an ID, here and below
	renameDeviceRoute  = "POST /pairing/devices/{ref}/rename"  // renameRequest -> deviceView
	deviceProfileRoute = "POST /pairing/devices/{ref}/profile" // profileRequest -> deviceView
	deviceTokenRoute   = "POST /pairing/devices/{ref}/token"   //nolint:gosec // G101: -> tokenView, the only time that it is shown
	revokeDeviceRoute  = "DELETE /pairing/devices/{ref}"       // -> deviceView, as it was
	revokeAllRoute     = "POST /pairing/revoke-all"            // revokeAllRequest -> []deviceView, those that are gone
)

// pairingRefusal is every answer that is not 200.
type pairingRefusal struct {
	Error string `json:"error"`
}

// pairingView is how pairing stands.
type pairingView struct {
	RouterID  string         `json:"router_id"`
	Router    string         `json:"router"` // its name
	Enabled   bool           `json:"enabled"`
	Approval  pairing.Policy `json:"approval"`
	Locked    bool           `json:"locked"` // invite PINs, until clasp paired unlock
	LockedWhy string         `json:"locked_why,omitempty"`
	Misses    int            `json:"misses"` // wrong PINs in this window
	Devices   int            `json:"devices"`
	Grace     int            `json:"reconnect_grace"` // seconds
	Profiles  []profileView  `json:"profiles"`        // by name
	Knocks    []knockView    `json:"knocks"`          // in the order in which they came
	Invites   []inviteView   `json:"invites"`
}

// profileView is what a device of a profile may do; {device} stands for its name.
type profileView struct {
	Name  string   `json:"name"`
	Read  []string `json:"read"`
	Write []string `json:"write"`
	NoPIN bool     `json:"no_pin,omitempty"` // never by a PIN alone
}

// knockView is a device that waits.
type knockView struct {
	ID        string        `json:"id"`
	Name      string        `json:"name"` // what it calls itself
	Kind      string        `json:"kind,omitempty"`
	Want      []string      `json:"want,omitempty"`
	Remote    string        `json:"remote"`
	Transport string        `json:"transport"`
	Encrypted bool          `json:"encrypted"`
	Match     string        `json:"match"` // to compare with what the device shows
	State     pairing.State `json:"state"`
	Code      string        `json:"code,omitempty"` // six digits to type on the device
	Expires   time.Time     `json:"expires,omitzero"`
	Since     time.Time     `json:"since"`
	Sessions  int           `json:"sessions"`
	Profile   string        `json:"profile,omitempty"` // what the invite gives whose PIN it has typed
	Known     string        `json:"known,omitempty"`   // ID of a device that has its name already
}

// grantRequest is what the operator gives. Everything may be empty: the name the device has
// given itself, the profile "default", the lifetime "30d" ("show", "30d" or "forever").
type grantRequest struct {
	Name     string           `json:"name,omitempty"`
	Profile  string           `json:"profile,omitempty"`
	Lifetime pairing.Lifetime `json:"lifetime,omitempty"`
	Weak     bool             `json:"weak,omitempty"` // only to approve: by name and address from now on, without a token
}

// inviteRequest asks for an invite, with a PIN besides the links or without one.
type inviteRequest struct {
	grantRequest
	PIN bool `json:"pin"`
}

// What became of an invite.
const (
	inviteOpen    = "open"
	inviteUsed    = "used"    // and Device says by whom
	inviteAwaits  = "awaits"  // its PIN was right, and the operator's word is wanted too: see the knocks
	inviteExpired = "expired" // or closed
)

// inviteView is an invite. Its secrets are there while it is open.
type inviteView struct {
	ID       string           `json:"id"`
	State    string           `json:"state"`
	Name     string           `json:"name,omitempty"`
	Profile  string           `json:"profile"`
	Lifetime pairing.Lifetime `json:"lifetime"`
	PIN      string           `json:"pin,omitempty"` // six digits; empty when there is none, or it was burned
	Links    []linkView       `json:"links,omitempty"`
	Expires  time.Time        `json:"expires"`
	Device   *deviceView      `json:"device,omitempty"` // once used
}

// linkView is where a phone finds the invite: one for each address of the router, wired cards
// first. The secret is in the fragment of URL.
type linkView struct {
	URL  string `json:"url"`
	Card string `json:"card"` // "eth0"
}

// allowRequest lets a device in by name and address alone. From is an address or a prefix
// (10.0.0.0/24).
type allowRequest struct {
	grantRequest
	From string `json:"from"`
}

// deviceView is a device. Its lifetime counts when it connects, never while it is connected.
type deviceView struct {
	pairing.Device
	Holds *holdsView `json:"holds,omitempty"` // nothing while it is not connected
}

// holdsView is what the sessions of a device have now, and others would miss or get if it
// were revoked.
type holdsView struct {
	Locks    []string  `json:"locks,omitempty"` // addresses; at most 100 of them
	LockedIn int       `json:"locks_held"`      // how many there are
	LastSent time.Time `json:"last_message,omitzero"`

	// What it was the last to write, which is looked for when one device is asked for, not for
	// the list of all.
	Wrote   []string `json:"last_wrote,omitempty"`       // addresses; at most 10 of them
	WroteIn int      `json:"last_wrote_count,omitempty"` // how many there are
}

type renameRequest struct {
	Name string `json:"name"`
}

type profileRequest struct {
	Profile string `json:"profile"`
}

// tokenView is a token in clear text, of which the router keeps a hash only.
type tokenView struct {
	Token    string    `json:"token"`
	DeviceID string    `json:"device_id"`
	RouterID string    `json:"router_id"`
	Router   string    `json:"router_name"`
	Profile  string    `json:"profile"`
	Read     []string  `json:"read"`
	Write    []string  `json:"write"`
	Expires  time.Time `json:"expires,omitzero"`
}

// revokeAllRequest names the devices that stay, by name or ID.
type revokeAllRequest struct {
	Keep []string `json:"keep"`
}
