// What is told about a router, and its two forms: TXT strings in multicast DNS, JSON in
// the answer to a text probe.

package discovery

import (
	"net"
	"net/netip"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/clasp-studio/clasp/router/wire"
)

// Ports and path that clients assume (protocol sections 5.1 and 12).
const (
	DefaultPort     = 7331 // of UDP discovery
	publicWebSocket = 7330 // what the public client connects to after a HELLO probe
	path            = "/clasp"
)

// What a client needs to be let in (operations section 2).
const (
	AuthOpen  = "open"
	AuthToken = "token"
	AuthPair  = "pair"
)

// allFeatures are those of every router of this build: param 0x80, event 0x40, stream
// 0x20, gesture 0x10, timeline 0x08 (protocol section 3), and their letters.
const (
	allFeatures    = 0xF8
	featureLetters = "psetg"
)

// maxName is the longest name that is told, in bytes: a label of the DNS (RFC 1035
// section 2.3.4) is no longer.
const maxName = 63

// Info is what others are told about a router.
type Info struct {
	ID     string // the same after every restart, and no other router's
	Name   string // for people; the first 63 bytes are told
	Port   int    // of WebSocket
	Secure bool   // WebSocket wants TLS
	Auth   string // AuthOpen, AuthToken or AuthPair; empty if not known

	QUIC, UDP, TCP int // ports, 0 = off
}

// URL is the WebSocket URL of the router at one of its addresses.
func (i Info) URL(at netip.Addr) string {
	scheme := "ws://"
	if i.Secure {
		scheme = "wss://"
	}
	return scheme + net.JoinHostPort(at.String(), strconv.Itoa(i.Port)) + path
}

// Transports names the ways in, those besides WebSocket with their ports: "wss", "quic:7330".
func (i Info) Transports() []string {
	transports := []string{"ws"}
	if i.Secure {
		transports[0] = "wss"
	}
	for _, way := range i.ways() {
		if *way.port != 0 {
			transports = append(transports, way.name+":"+strconv.Itoa(*way.port))
		}
	}
	return transports
}

// txt returns the strings of the TXT record (operations section 2).
func (i Info) txt() []string {
	strings := []string{
		"version=" + strconv.Itoa(wire.Version),
		"name=" + i.Name,
		"features=" + featureLetters,
		"ws=" + strconv.Itoa(i.Port),
		"secure=" + strconv.FormatBool(i.Secure),
		"path=" + path,
		"id=" + i.ID,
		"auth=" + i.Auth,
	}
	for _, way := range i.ways() {
		if *way.port != 0 {
			strings = append(strings, way.name+"="+strconv.Itoa(*way.port))
		}
	}
	return strings
}

// infoFromTXT reads what txt writes. What is missing is zero; keys are compared without
// case and the first of a kind counts (RFC 6763 section 6.4).
func infoFromTXT(txt []string) Info {
	given := map[string]string{}
	for _, pair := range txt {
		key, value, _ := strings.Cut(pair, "=")
		if _, known := given[strings.ToLower(key)]; !known {
			given[strings.ToLower(key)] = value
		}
	}
	i := Info{ID: given["id"], Name: given["name"], Port: port(given["ws"]), Secure: given["secure"] == "true", Auth: given["auth"]}
	for _, way := range i.ways() {
		*way.port = port(given[way.name])
	}
	return i
}

// way is a transport besides WebSocket.
type way struct {
	name string
	port *int
}

func (i *Info) ways() []way { return []way{{"quic", &i.QUIC}, {"udp", &i.UDP}, {"tcp", &i.TCP}} }

// port reads a port number, and returns 0 for what is none.
func port(text string) int {
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return 0
	}
	return int(n)
}

// described is an Info as the answer to a text probe. The protocol names the first five
// members; the others are ours, and spare a client of ours a second question.
type described struct {
	Name    string `json:"name"`
	Host    string `json:"host"`
	Port    int    `json:"port"`
	Version int    `json:"version"`
	Secure  bool   `json:"secure"`

	ID   string `json:"id,omitempty"`
	Auth string `json:"auth,omitempty"`
	QUIC int    `json:"quic,omitempty"`
	UDP  int    `json:"udp,omitempty"`
	TCP  int    `json:"tcp,omitempty"`
}

// cut returns as much of text as n bytes hold without breaking a character.
func cut(text string, n int) string {
	if len(text) <= n {
		return text
	}
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n]
}
