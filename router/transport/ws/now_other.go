//go:build !unix

package ws

import "github.com/clasp-studio/clasp/router"

// promptly returns nothing: here a write cannot be kept from waiting.
func promptly(*conn) router.Conn { return nil }
