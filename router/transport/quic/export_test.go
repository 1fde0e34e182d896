package quic

// Hint is what is logged about small socket buffers.
var Hint = hint
