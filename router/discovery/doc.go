// Package discovery lets clients find a router without typing an address, and finds
// routers for them: by multicast DNS (Announce) and by UDP probes (Responder), both for
// IPv4 only. Rules: operations section 2, protocol section 12, RFC 6762 and RFC 6763.
//
// # Multicast DNS
//
// An Announcer has one station a network interface. A station has a socket of its own,
// hears only what comes from its link and says only that link's addresses there. A
// watcher looks at the interfaces and replaces the stations of those that changed.
//
// Each station claims the router's name before it uses it: it asks three times whether
// somebody has it, takes part in the tie-break of two that ask at the same time, and
// starts again when another owner turns up later. A name that is taken is given up on
// all links for the next ("Studio (2)"), which is then kept, whatever else is told later.
// The owner may be a machine that was copied with the router's ID: it has another host name,
// or else is known by an address of that name that is not this machine's.
//
// What is on the network is one set of records, which always goes out whole and at most
// once a second (RFC 6762 section 6), however many ask. So a station does the same small
// work for a flood as for a question.
//
// # UDP
//
// A probe is answered by a function of the packet, where it came from and the address it
// came to, which keeps nothing but the last twenty replies. The socket may be the UDP
// transport's or a Server's.
package discovery
