// Package router is the engine: sessions, params, signals, subscriptions, bundles.
//
// It knows no network. A transport hands it whole CLASP frames (Session.Receive),
// tells it when it has nothing more to read (Session.Idle), and writes what it is
// given (Conn). The rules are those of the protocol page; comments name its sections.
//
// # Ways through the engine
//
// One goroutine a session reads. It does the whole work of a message: finds the
// param or the route, applies, encodes what goes out once and appends it to the
// outbox of every subscriber. When its input is exhausted it starts a flusher for
// each outbox that has none; a flusher writes until its outbox is empty and ends.
// So an idle session is one parked goroutine and no buffer, and a publisher never
// waits for a subscriber. (Where writing takes a deep stack, as over QUIC, the flusher
// stays and parks as well: Peer.Deep.)
//
// # Rights
//
// A session's rights are fixed at HELLO, or when one that waits in the lobby is let in
// (lobby.go), before anything else is done for it. They are asked before anything else is that
// depends on the state, so that a refusal says nothing of it: at SET, timeline and
// PUBLISH by address, at SUBSCRIBE, ANNOUNCE and REPLAY by pattern, at BUNDLE for each
// message, when it comes and when it runs. Live messages need no look: a subscription
// lies within the rights of its session. What is shown unasked or by a QUERY, which may
// reach further than the rights, is held against them address by address.
//
// # Looking on
//
// Who looks on pulls (observe*.go, package monitor): there is nothing that he must take, and
// so nothing that he can hold up. What is counted for him is added up where a lock or a
// goroutine has it to itself anyway, and told once a batch (count.go). A scrape of the metrics reads
// those counts alone: it goes through no sessions and takes no lock of theirs (count_show.go).
//
// # Lock order
//
// Outermost first. Never two of one kind, but for params: those of a bundle are locked
// in address order, and a piece of a snapshot that holds some only tries for more. No
// lock is held across I/O.
//
//	Router.census         what was found when the sessions were last gone through
//	guest.mu              what a session that pairs is let in with; pairing's own below it
//	Router.bundles        a bundle in the making; snapshots share it
//	param.Table shard     find, create, remove
//	param.Table index     create, remove, walk
//	param.Param           a write with all its deliveries; a read
//	Session.gestures      a sender's open gestures, while one goes out
//	Session.held          the locks a session holds
//	subs.Table, routes    matching
//	Session.out           the outbox and what belongs to it
//	the table's calendar and memory; Router.sessions, schedule, announced,
//	deferred, welcoming, pending, changes, guesses, forgeable, endings, bans;
//	Session.rates, subsMu, tap; routes' shards; ways: leaves, nothing is locked inside them
package router
