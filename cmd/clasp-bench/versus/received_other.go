//go:build !linux

package versus

import (
	"errors"
	"net"
)

// receivedBytes is only known on Linux.
func receivedBytes(net.Conn) (int64, error) { return 0, errors.ErrUnsupported }
