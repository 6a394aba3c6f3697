package main

import (
	"fmt"
	"net"
	"os/user"
)

func main() {
	_, err := net.ParseMAC("x")
	_, _ = user.Current()
	_, _ = net.LookupHost("localhost")
	fmt.Println("started: go resolve", err != nil)
}
