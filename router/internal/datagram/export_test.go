package datagram

// HintFor is what Hint says of such buffers.
var HintFor = hint
