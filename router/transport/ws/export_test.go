package ws

// SourceOf is for tests: there is no second IPv6 address on most machines.
var SourceOf = sourceOf
