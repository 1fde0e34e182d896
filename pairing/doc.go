// Package pairing is the model by which a device without a credential gets one: knocks,
// invites, codes, devices, profiles and lifetimes. There is no network in it and no
// terminal; time and randomness are given to it.
//
// A device comes in one of four ways. It knocks and the operator approves it; it types the
// code of its picked knock; it redeems an invite, by PIN or by the secret of a QR code; or
// the operator has allowed it by name and address beforehand. All four end in a Device, a
// row in a file of its own that holds no secret but the SHA-256 of one.
//
//	Registry   everything, behind one lock
//	Visit      one knock as its session, or the HTTP request that stands for it, sees it
//	Knock      the same as the operator sees it
//	Invite     a grant made beforehand, with two faces: a secret and a PIN
//	Device     who has been let in, and with which Profile
package pairing
