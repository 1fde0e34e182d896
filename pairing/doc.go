// Package pairing is the place of the model by which a device without a credential
// gets one: lobby, codes, devices and tokens, with no network and no terminal in it.
// This build has no pairing: the option says so.
package pairing
