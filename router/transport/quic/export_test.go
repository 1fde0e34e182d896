package quic

// Serve lets a test choose the buffers of the socket.
var Serve = serve
