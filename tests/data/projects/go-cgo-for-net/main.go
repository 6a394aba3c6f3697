package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
)

func main() {
	if len(os.Args) > 1 {
		answer, err := http.Get(os.Args[1])
		fmt.Println(answer, err)
		return
	}
	addresses, err := net.LookupHost("localhost")
	fmt.Println(len(addresses) > 0, err)
}
