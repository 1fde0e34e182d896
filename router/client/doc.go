// Package client talks to a CLASP router over WebSocket, QUIC, UDP or TCP, as its URL says.
//
//	c, err := client.Dial(ctx, "ws://localhost:7330", client.Options{Name: "desk", Reconnect: true})
//	ack, err := c.Set(ctx, "/lights/1/dim", 0.8)
//	sub, err := c.Subscribe(ctx, "/lights/**", client.SubscribeOptions{}, func(m *client.Message) {
//		fmt.Println(m.Address, m.Value.Any())
//	})
//
// A Client is safe for any number of goroutines. Requests are pipelined: they leave in
// the order of the calls, many in one system call, and nobody waits for another's answer.
//
// # Which answer belongs to which request
//
// The wire has no request numbers. What makes the match certain is order: on one session
// the router answers requests in the order it got them (protocol section 5), so the client
// keeps a queue of what it has asked and reads it against the answers:
//
//   - A SYNC goes to the request with the same t1, which no other has.
//   - ACK and RESULT go to the first request in the queue that such an answer
//     fits: same kind and, where the answer has one, same address (the ACK of a bundle has none). What
//     stood before it has been passed. A passed SUBSCRIBE or QUERY is complete, since
//     only its refusal would have been told; another passed request was not answered, which
//     is right for a commit (its ACK waits for the disk) and else ends with its context.
//   - A SNAPSHOT of exactly one param is the answer of a GET of that address, if one is
//     next in the queue. Every SNAPSHOT is for the subscriptions too, as far as they have not
//     seen its revisions.
//   - An ERROR goes to the request that is next in the queue, if it names its address or
//     none. Otherwise it is the late fate of a message that is not answered (at fire, or a
//     scheduled bundle), and Options.OnError gets it. The same holds for ERROR 503 and 302 without
//     an address, which are about the session.
//   - So that the ERROR of a message at fire is not taken for that of a request sent after
//     it, a SYNC goes between the two: what arrives before its answer is not the request's.
//     SUBSCRIBE and QUERY are followed by a SYNC as well, because the router does not say
//     when it accepts the first and when the second is complete.
//
// A router with a rate limit may refuse such a SYNC too, and then nobody can say whose an ERROR
// 429 is. OnError gets it, further SYNCs go out until one is answered, and every request
// before that one which has no answer by then fails with the 429 (not a commit, whose ACK may be late).
//
// Cases the wire cannot tell apart: of several writes to one address that are on their way while a SYNC was refused, some
// of them refused too, which were; and a scheduled bundle that fails at its time, on an
// address for which a request is just then on its way. Use two clients if that matters.
//
// # Reconnecting
//
// With Options.Reconnect a lost connection is dialled again for as long as it takes, and
// every subscription is made again; its handler gets the present values once more, marked
// Snapshot. Nothing else is repeated. A request that was waiting fails with ErrDisconnected,
// since it may or may not have been applied, and while there is no connection requests fail
// at once with ErrNotConnected: a fader position from before an outage is worth nothing after it.
// Locks, announced signals and open gestures end with the session, as the router has it.
package client
