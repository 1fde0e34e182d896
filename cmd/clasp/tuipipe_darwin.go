// A pipe holds 16 KiB here, and nobody can say otherwise. A trace is longer, nearly always.

package main

import "os"

func smallPipe(*os.File) {}
