package main_test

import (
	"debug/buildinfo"
	"path/filepath"
	"testing"
)

// TestBuiltByProfile: a build without any flags takes default.pgo, which tells the compiler the hot paths.
func TestBuiltByProfile(t *testing.T) {
	info, err := buildinfo.ReadFile(claspBinary(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, setting := range info.Settings {
		if setting.Key == "-pgo" && filepath.Base(setting.Value) == "default.pgo" {
			return
		}
	}
	t.Errorf("built with %v, want -pgo=default.pgo", info.Settings)
}
