// Looks a name up. Package net uses the C library when a C compiler is there, and Go's own resolver when not.
package main

import (
	"fmt"
	"net"
	"os"
)

func main() {
	name := "localhost"
	if len(os.Args) > 1 {
		name = os.Args[1]
	}
	if _, err := net.LookupHost(name); err != nil {
		fmt.Fprintln(os.Stderr, "cannot resolve:", err)
		os.Exit(1)
	}
	fmt.Println(name, "resolves")
}
