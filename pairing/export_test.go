// What the tests see besides.

package pairing

// Seal is how a value of the file looks.
var Seal = seal
