// The numbers of pairing section 7. None can be configured but those in Settings.

package pairing

import "time"

// Of codes.
const (
	codeTries    = 5                // wrong ones, then a code is burned
	windowMisses = 10               // of invite PINs, then they are locked
	hourMisses   = 30               // of invite PINs, then they are off until the hour is over
	window       = time.Hour        // how long misses count that did not lock
	burnPause    = 5 * time.Second  // from a burned invite PIN to the next one
	spentFor     = 10 * time.Minute // a code that is over is known for so long
	missHold     = time.Second      // a wrong code is answered no sooner
	longestRetry = time.Minute
	busyRetry    = 10 * time.Second // well within lingerFor
)

// Of the lobby.
const (
	lobbySeats    = 16 // sessions
	requestSeats  = 20 // over HTTP
	seatsSource   = 2  // of each kind
	idleAfter     = 10 * time.Minute
	quietAfter    = 30 * time.Second // who has said nothing for so long gives its seat to another
	rowEvery      = 10 * time.Second // new rows of one source on the operator's screen
	lingerFor     = time.Minute      // a row waits for its device to come back
	rememberFor   = idleAfter        // a request over HTTP is told what became of it
	rememberMost  = 64               // of those
	mutedFor      = 10 * time.Minute
	wishes        = 8 // of a request
	sourcesMost   = 4096
	invitesMost   = 100
	tokenShownFor = time.Minute
)

// Of devices.
const (
	devicesMost     = 1000
	unconfirmedFor  = 10 * time.Minute
	oldTokenFor     = 10 * time.Minute
	renewEvery      = 10 * time.Second
	showLength      = 12 * time.Hour
	slidingLength   = 30 * 24 * time.Hour
	keptWhenExpired = 30 * 24 * time.Hour // so that who comes back is told why it may not
	keptWhenRevoked = 30 * 24 * time.Hour
	revokedMost     = 1000
)

// Of the registry itself.
const (
	tickEvery  = 250 * time.Millisecond
	saveEvery  = time.Minute      // when devices were last seen
	retryAfter = 10 * time.Second // after a write has failed
)
