package sites_test

import (
	"runtime"
	"syscall"
	"testing"

	"github.com/clasp-studio/clasp/router/sites"
)

// TestHostName: the machine's own full name is the router's, whatever domain it is in. The test gives the machine such a name, for
// a thread of its own alone.
func TestHostName(t *testing.T) {
	const name = "stage.studio.example"
	if err := (sites.Rules{}).Own("", name); err == nil {
		t.Fatalf("%s is this router before it is this machine", name)
	}
	runtime.LockOSThread() // for ever: the thread ends with the test
	if err := syscall.Unshare(syscall.CLONE_NEWUTS); err != nil {
		t.Skipf("%s needs to be root, to rename this machine: %v", t.Name(), err)
	}
	if err := syscall.Sethostname([]byte("Stage.studio.example")); err != nil {
		t.Fatal(err)
	}
	if err := (sites.Rules{}).Own("", name+":7330"); err != nil {
		t.Error(err)
	}
	if err := (sites.Rules{}).Own("", "studio.example"); err == nil {
		t.Error("the machine's domain is taken for the machine")
	}
}
