//go:build !unix

package quic

// socketBuffers knows no way to ask: Windows grows its buffers itself.
func socketBuffers(uintptr) (receive, send int) { return 0, 0 }
