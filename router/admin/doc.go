// Package admin is how the commands of this machine reach a running router: HTTP over a
// Unix socket, never the network port (operations section 4).
//
// The socket is <port>.sock in a directory that only the router's own user can write to,
// and the first of these that there can be:
//
//	$RUNTIME_DIRECTORY       what systemd makes for a service (RuntimeDirectory=)
//	$XDG_RUNTIME_DIR/clasp   what a login session has
//	/run/clasp               a router of root's
//	<temp>/clasp-<uid>       anybody's
//
// Windows has it in the user's local application data instead. A command looks in the
// same places, by port alone: it does not know how the router was started. Root looks in
// those of all users. What a dead router has left is passed over. The place
// has nothing to do with where the state is, since most routers keep none, and a state
// may be on a file system that has no sockets.
//
// Whoever may open the socket may do all there is to do: it has mode 0600, and on Linux
// the kernel is asked who is calling as well, which Caller tells. Losing it costs the commands and nothing
// else.
package admin
