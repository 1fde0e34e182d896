// Digits made and read eight at once, against those of encoding/hex.

package peer

import (
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"testing"
	"time"
)

func TestHex(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 100_000 {
		v := random.Uint32() >> random.IntN(32)
		want := hex.EncodeToString(binary.BigEndian.AppendUint32(nil, v))
		if got := string(appendHex(nil, v)); got != want {
			t.Fatalf("%d is %q, want %q", v, got, want)
		}
		if got, good := readHex([]byte(want)); got != v || !good {
			t.Fatalf("%q reads as %d, %t", want, got, good)
		}
	}
}

func TestHexRefuses(t *testing.T) {
	for at := range 8 {
		for b := range 256 {
			digits := []byte("0a9f1b8e")
			digits[at] = byte(b)
			digit := b >= '0' && b <= '9' || b >= 'a' && b <= 'f'
			if _, good := readHex(digits); good != digit {
				t.Errorf("%q: good %t, want %t", digits, good, digit)
			}
		}
	}
}

func TestStampDigits(t *testing.T) {
	stamp := Stamp{Publisher: 0x01020304, Sequence: 0x05060708090a, At: 0x0b0c0d0e0f10 * time.Microsecond}
	const want = "0102030405060708090a0b0c0d0e0f10"
	if got := string(stamp.Append(nil)); got != want {
		t.Errorf("%+v is %s, want %s", stamp, got, want)
	}
	if got, err := ReadStamp([]byte(want)); got != stamp || err != nil {
		t.Errorf("%s reads as %+v, %v; want %+v", want, got, err, stamp)
	}
	for _, bad := range []string{"", want[1:], want + "0", "G" + want[1:], want[:31] + " "} {
		if got, err := ReadStamp([]byte(bad)); err == nil {
			t.Errorf("%q reads as %+v", bad, got)
		}
	}
}
