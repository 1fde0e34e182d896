//go:build !linux

package versus

import "errors"

// neverWait is only there on Linux; elsewhere all subscribers are read at once.
func (*reader) neverWait() error { return errors.ErrUnsupported }
