// Package monitor is what a dashboard or `clasp status` may ask of a running router: an
// interface, plain structs, and what all who look on share (cleaning of text, filters,
// rates, the ring of log lines). It does no I/O and knows no engine, no network and no
// terminal.
//
// Looking on is pulling: the router keeps counters and small bounded rings, and a Source
// answers for the window that is on the screen. Nobody who looks can hold the router up,
// whatever becomes of him.
//
// Every text that came from a client has been through Clean before it is in one of the
// structs here, so that whoever shows them needs not think of it again.
package monitor

import (
	"context"
	"errors"
	"time"

	"github.com/clasp-studio/clasp/pairing"
)

// Source is a router that can be looked at: the one of this process, or one that is
// reached over its admin socket. Its methods may be called by any goroutine.
type Source interface {
	// Wait returns when something has changed since the Seq of a Frame, or after a second,
	// or when ctx ends.
	Wait(ctx context.Context, since uint64)
	// Frame returns what one screen needs. An error means that the router cannot be reached.
	Frame(ctx context.Context, q Query) (Frame, error)
	// Index returns the addresses that pass a filter, sorted; without names if nothing has
	// come or gone since the revision given. A filter that is wrong is an error of kind
	// ErrInvalid.
	Index(ctx context.Context, since uint64, filter string) (Index, error)
	// Client returns all there is to say of a session. ErrGone: it has ended.
	Client(ctx context.Context, id string) (ClientDetail, error)
	// Address returns all there is to say of an address. ErrGone: it has no value.
	Address(ctx context.Context, address string) (AddressDetail, error)
	// Do carries out what the operator has asked for, whole or not at all.
	Do(ctx context.Context, a Action) (Result, error)
}

// Kinds of errors; the text of the error is in words.
var (
	ErrGone        = errors.New("gone")            // it is not there any more, or has been answered
	ErrInvalid     = errors.New("invalid")         // what was asked for makes no sense
	ErrRefused     = errors.New("refused")         // the rules of the router are against it: a lock, a type, a limit
	ErrUnreachable = errors.New("not reachable")   // the router has gone, or the way to it has
	ErrOff         = errors.New("not switched on") // the router runs without what is asked about
)

// Query says what is on the screen.
type Query struct {
	Clients   *ClientQuery `json:"clients,omitempty"`  // nil: no client is shown
	Values    []string     `json:"values,omitempty"`   // addresses whose rows are wanted, MaxValues at most
	Branches  []string     `json:"branches,omitempty"` // "/lumen": what is below these is added up, MaxBranches at most
	LogsSince uint64       `json:"logs_since"`         // the Next of the page before
	LogsMax   int          `json:"logs_max"`
}

// Bounds of a Query.
const (
	MaxValues   = 1024
	MaxBranches = 256
	MaxLogs     = 5000
	MaxClients  = 512
)

// Frame is one moment of the router.
type Frame struct {
	At       time.Time  `json:"at"`
	Seq      uint64     `json:"seq"` // moves when anything has changed
	Overview Overview   `json:"overview"`
	Clients  ClientPage `json:"clients"`
	Values   []Value    `json:"values,omitempty"`   // in the order asked for
	Branches []Branch   `json:"branches,omitempty"` // in the order asked for; some are up to a second old
	Pairing  Pairing    `json:"pairing"`
	Logs     LogPage    `json:"logs"`
}

// Totals count since the router started. Rates are made of two of them.
type Totals struct {
	MessagesIn  uint64 `json:"messages_in"`
	MessagesOut uint64 `json:"messages_out"`
	BytesIn     uint64 `json:"bytes_in"` // of CLASP frames, without what the transport adds
	BytesOut    uint64 `json:"bytes_out"`
	Dropped     uint64 `json:"dropped"` // messages not delivered to clients too slow for them
	Errors      uint64 `json:"errors"`  // ERRORs sent
	Writes      uint64 `json:"writes"`  // of params: every accepted SET, bundled ones too
	Joined      uint64 `json:"joined"`  // sessions let in
	Left        uint64 `json:"left"`
}

// Overview is how the router is.
type Overview struct {
	Name    string    `json:"name"`
	ID      string    `json:"id"` // the router's stable one, "" where it has none
	Version string    `json:"version"`
	PID     int       `json:"pid"`
	Host    string    `json:"host"`
	Config  string    `json:"config"` // the file, "" = none
	Started time.Time `json:"started"`

	Listeners []Listener `json:"listeners"`
	Problems  []Problem  `json:"problems"` // worst first; empty: everything is fine

	Sessions      int            `json:"sessions"` // let in
	Transports    map[string]int `json:"transports"`
	Lobby         int            `json:"lobby"` // sessions that wait to be let in
	Slow          int            `json:"slow"`
	Subscriptions int            `json:"subscriptions"`
	Params        int            `json:"params"`
	Totals        Totals         `json:"totals"`
	StructRev     uint64         `json:"struct_rev"` // moves when an address comes or goes

	Goroutines int     `json:"goroutines"`
	Heap       uint64  `json:"heap"` // bytes in use
	CPU        float64 `json:"cpu"`  // cores in use, of the whole process, over the last second or so; <0: not known here
	LogDropped uint64  `json:"log_dropped"`

	Persistence string    `json:"persistence"` // the path, "" = memory only
	Access      string    `json:"access"`      // who may come in, in words: "anybody", "tokens", "tokens and pairing"
	Encrypted   bool      `json:"encrypted"`   // the WebSocket port speaks TLS
	CertExpires time.Time `json:"cert_expires,omitzero"`
}

// Listener is one way in.
type Listener struct {
	Transport string   `json:"transport"` // "WebSocket", "QUIC", "UDP", "TCP", "mDNS", "Discovery", "Metrics"
	URLs      []string `json:"urls"`      // what to type on another machine, the likeliest first
	Up        bool     `json:"up"`
	Error     string   `json:"error,omitempty"` // why not, in words
}

// Problem is something an operator should know about.
type Problem struct {
	Level Level  `json:"level"`
	Text  string `json:"text"` // what is wrong, in words
	Do    string `json:"do"`   // what to do about it
}

// Level orders problems and log lines.
type Level int8

// The levels.
const (
	LevelTrace Level = iota - 2
	LevelDebug
	LevelInfo
	LevelWarn
	LevelError
)

// ClientQuery asks for a part of the table of connections.
type ClientQuery struct {
	Sort    ClientSort `json:"sort"`
	Reverse bool       `json:"reverse"`
	SlowTop bool       `json:"slow_top"` // slow ones first whatever the order
	Filter  string     `json:"filter"`   // as Filter has it, over name, address, transport, device, id
	Offset  int        `json:"offset"`
	Limit   int        `json:"limit"`            // MaxClients at most
	Around  string     `json:"around,omitempty"` // the id of a session that shall be in the window: Offset moves as little as that takes
}

// ClientSort is the column that orders the table.
type ClientSort string

// The columns.
const (
	SortName      ClientSort = "name"
	SortTransport ClientSort = "transport"
	SortRemote    ClientSort = "remote"
	SortSubs      ClientSort = "subs"
	SortIn        ClientSort = "in"  // messages a second
	SortOut       ClientSort = "out" // messages a second
	SortBytes     ClientSort = "bytes"
	SortQueue     ClientSort = "queue"
	SortDropped   ClientSort = "dropped"
	SortRTT       ClientSort = "rtt"
	SortAge       ClientSort = "age"
	SortIdle      ClientSort = "idle"
)

// ClientPage is the part asked for.
type ClientPage struct {
	Rows   []Client `json:"rows,omitempty"`
	Offset int      `json:"offset"` // of the first row
	Index  int      `json:"index"`  // where Around is, -1: nowhere
	Shown  int      `json:"shown"`  // that pass the filter
	Total  int      `json:"total"`
	Error  string   `json:"error,omitempty"` // what is wrong with the filter
}

// Client is a row: one session.
type Client struct {
	ID        string        `json:"id"`
	Name      string        `json:"name"`
	Transport string        `json:"transport"` // "ws", "quic", "udp", "tcp"
	Remote    string        `json:"remote"`
	Device    string        `json:"device,omitempty"`  // the paired device's or token's name
	Profile   string        `json:"profile,omitempty"` // its rights, by name where they have one
	Encrypted bool          `json:"encrypted"`
	Lobby     bool          `json:"lobby"` // waits to be let in
	Slow      bool          `json:"slow"`  // takes less than is there for it
	Subs      int           `json:"subs"`
	Locks     int           `json:"locks"`
	Queue     int           `json:"queue"`   // bytes that wait for it
	Dropped   uint64        `json:"dropped"` // messages not delivered, since it came
	Errors    uint64        `json:"errors"`  // ERRORs it was sent
	RTT       time.Duration `json:"rtt"`     // 0: not known
	Since     time.Time     `json:"since"`
	Idle      time.Duration `json:"idle"` // since its last sign of life

	MessagesIn  uint64 `json:"messages_in"`
	MessagesOut uint64 `json:"messages_out"`
	BytesIn     uint64 `json:"bytes_in"`
	BytesOut    uint64 `json:"bytes_out"`

	Rates ClientRates `json:"rates"`
}

// ClientRates are a second's, over about the last second. Known is false at a session's
// first sample.
type ClientRates struct {
	Known bool    `json:"known"`
	In    float64 `json:"in"`
	Out   float64 `json:"out"`
	Bytes float64 `json:"bytes"` // both ways
}

// ClientDetail is all there is to say of a session.
type ClientDetail struct {
	Client
	Subscriptions []Subscription `json:"subscriptions"` // the first hundred
	Read          []string       `json:"read"`          // patterns granted
	Write         []string       `json:"write"`
	Held          []string       `json:"held"`     // addresses it has locked, the first hundred
	Recent        []Refusal      `json:"recent"`   // the last ERRORs it was sent, newest last
	Messages      []Message      `json:"messages"` // a sample of its last ones, newest last; they are noted from the first look on, for ten seconds at a time
}

// Subscription is one of a session's.
type Subscription struct {
	Session string `json:"session"`
	Name    string `json:"name"` // of the session
	Pattern string `json:"pattern"`
	Options string `json:"options,omitempty"` // in words: "at most 30/s, changes over 0.01"
}

// Refusal is an ERROR.
type Refusal struct {
	At   time.Time `json:"at"`
	Code int       `json:"code"`
	Text string    `json:"text"`
}

// Message is one that a client has sent.
type Message struct {
	At   time.Time `json:"at"`
	Kind string    `json:"kind"` // "SET", "PUBLISH", ...
	Text string    `json:"text"` // address and value, cleaned
}

// Index is the sorted list of addresses.
type Index struct {
	Rev   uint64   `json:"rev"`
	Same  bool     `json:"same,omitempty"` // nothing has come or gone: no names
	Names []string `json:"names,omitempty"`
	Total int      `json:"total"` // without the filter
}

// Value is the row of an address.
type Value struct {
	Address    string    `json:"address"`
	Missing    bool      `json:"missing,omitempty"` // it has no value now
	Type       string    `json:"type"`              // as `clasp get` names it: "f64", "string", ...
	Text       string    `json:"text"`              // the value on one line, cleaned and cut
	Number     float64   `json:"number"`            // of a number or bool
	Numeric    bool      `json:"numeric"`
	Revision   uint64    `json:"revision"`
	Writer     string    `json:"writer"`      // session id
	WriterName string    `json:"writer_name"` // while the session is there
	Written    time.Time `json:"written"`
	Holder     string    `json:"holder,omitempty"` // session that has locked it
	HolderName string    `json:"holder_name,omitempty"`
	Expires    time.Time `json:"expires,omitzero"`
	Timeline   bool      `json:"timeline,omitempty"`
}

// Branch adds up what is below an address.
type Branch struct {
	Address string  `json:"address"`
	Count   int     `json:"count"`  // params with a value
	Writes  uint64  `json:"writes"` // the sum of their revisions
	Rate    float64 `json:"rate"`   // writes a second; <0: not known yet
}

// AddressDetail is all there is to say of an address.
type AddressDetail struct {
	Value
	Pretty      string         `json:"pretty"` // the value on many lines, cleaned line by line, 64 KiB at most
	Strategy    string         `json:"strategy"`
	Stored      bool           `json:"stored"` // survives a restart
	TTL         time.Duration  `json:"ttl"`
	Subscribers []Subscription `json:"subscribers"`         // the first hundred
	Subscribed  int            `json:"subscribed"`          // all of them
	Announced   string         `json:"announced,omitempty"` // what a client has announced about it, in words
}

// Pairing is who wants in, and what is open to let devices in.
type Pairing struct {
	Enabled  bool           `json:"enabled"`
	Policy   pairing.Policy `json:"policy"`
	Locked   string         `json:"locked,omitempty"` // invite PINs are locked: why
	Knocks   []Knock        `json:"knocks,omitempty"` // in the order in which they came
	Invites  []Invite       `json:"invites,omitempty"`
	Devices  []Device       `json:"devices,omitempty"` // by name
	Profiles []Profile      `json:"profiles,omitempty"`
}

// Knock is a device that wants in. Code is on the screen only: never in a log.
type Knock struct {
	ID        string        `json:"id"`
	Name      string        `json:"name"`
	Kind      string        `json:"kind"`
	Want      []string      `json:"want,omitempty"` // patterns it asks for
	Remote    string        `json:"remote"`
	Transport string        `json:"transport"`
	Encrypted bool          `json:"encrypted"`
	Match     string        `json:"match"` // two pairs of digits that the device shows too
	State     pairing.State `json:"state"`
	Code      string        `json:"code,omitempty"`   // while one is shown: "847291"
	Expires   time.Time     `json:"expires,omitzero"` // of the code
	Since     time.Time     `json:"since"`
	Waiting   int           `json:"waiting"`              // that wait under this name, this one too
	Profile   string        `json:"profile,omitempty"`    // what the invite gives whose PIN it typed
	Known     string        `json:"known,omitempty"`      // name of a device that is paired under this name already
	KnownFrom string        `json:"known_from,omitempty"` // where that one was last let in from
}

// Open reports whether the operator can still answer it.
func (k *Knock) Open() bool {
	switch k.State {
	case pairing.StateWaiting, pairing.StateCode, pairing.StateBurned, pairing.StateExpired, pairing.StateAwait:
		return true
	}
	return false
}

// Invite is an open one.
type Invite struct {
	ID      string    `json:"id"`
	Name    string    `json:"name"`
	Profile string    `json:"profile"`
	PIN     string    `json:"pin,omitempty"`
	Links   []Link    `json:"links,omitempty"` // one a network card, for a browser
	Expires time.Time `json:"expires"`
}

// Link is an invite's address for a phone.
type Link struct {
	Card string   `json:"card"` // of this machine, "eth0"
	URL  string   `json:"url"`
	QR   []string `json:"qr,omitempty"` // lines of half blocks with the quiet zone, dark on light
}

// Device is one that has been let in.
type Device struct {
	ID        string           `json:"id"`
	Name      string           `json:"name"`
	Profile   string           `json:"profile"`
	Lifetime  pairing.Lifetime `json:"lifetime"`
	Weak      bool             `json:"weak,omitempty"`
	Online    int              `json:"online"`
	LastSeen  time.Time        `json:"last_seen,omitzero"`
	Expires   time.Time        `json:"expires,omitzero"`
	Confirmed bool             `json:"confirmed"`
}

// Profile is what a device may be given.
type Profile struct {
	Name  string   `json:"name"`
	Read  []string `json:"read"`
	Write []string `json:"write"`
	NoPIN bool     `json:"no_pin"`
}

// LogPage is a part of the log.
type LogPage struct {
	Lines   []Line `json:"lines,omitempty"` // oldest first
	Next    uint64 `json:"next"`            // ask from here
	Dropped uint64 `json:"dropped"`         // lines between LogsSince and the first one here that have been overwritten
}

// Line is one line of the log.
type Line struct {
	Seq     uint64    `json:"seq"`
	At      time.Time `json:"at"`
	Level   Level     `json:"level"`
	Text    string    `json:"text"`              // the message, cleaned
	Attrs   string    `json:"attrs,omitempty"`   // key=value key=value, cleaned
	Session string    `json:"session,omitempty"` // whom it is about
}

// ActionKind is what the operator can ask for.
type ActionKind string

// The kinds, with the fields of Action they need.
const (
	Approve     ActionKind = "approve"      // ID of a knock; Name, Profile, Lifetime, Weak
	Deny        ActionKind = "deny"         // ID of a knock
	Pick        ActionKind = "pick"         // ID of a knock: show a PIN for it
	NewInvite   ActionKind = "invite"       // Name, Profile, Lifetime
	CloseInvite ActionKind = "close_invite" // ID
	Unlock      ActionKind = "unlock"       // invite PINs
	Revoke      ActionKind = "revoke"       // ID of a device
	SetProfile  ActionKind = "set_profile"  // ID of a device; Profile
	Rename      ActionKind = "rename"       // ID of a device; Name
	Set         ActionKind = "set"          // Address, Value, Type
	Emit        ActionKind = "emit"         // Address, Value: an event
	Disconnect  ActionKind = "disconnect"   // ID of a session
	Ban         ActionKind = "ban"          // ID of a session: it is closed, and its device or address kept out until the router restarts
)

// Action is what the operator has asked for.
type Action struct {
	Kind     ActionKind       `json:"kind"`
	ID       string           `json:"id,omitempty"`
	Name     string           `json:"name,omitempty"`
	Profile  string           `json:"profile,omitempty"`
	Lifetime pairing.Lifetime `json:"lifetime,omitempty"`
	Weak     bool             `json:"weak,omitempty"`
	Address  string           `json:"address,omitempty"`
	Value    string           `json:"value,omitempty"` // as `clasp set` takes it
	Type     string           `json:"type,omitempty"`  // the value has to be of it; "" = what Value looks like
	By       string           `json:"-"`               // who asks, for the audit log
}

// Result is what came of it, in words.
type Result struct {
	Text   string  `json:"text"`
	Invite *Invite `json:"invite,omitempty"`
}
