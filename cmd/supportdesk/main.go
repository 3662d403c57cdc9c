// Command supportdesk runs the sample support tool alone, on loopback.
package main

import (
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/privet-gateway/privet/cmd/supportdesk/tool"
)

func main() {
	port := flag.Int("port", 8080, "port on 127.0.0.1")
	seed := flag.Uint64("seed", 1, "the same seed makes the same people")
	people := flag.Int("people", 600, "how many cardholders")
	flag.Parse()
	listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", *port))
	if err != nil {
		fmt.Fprintln(os.Stderr, "supportdesk:", err)
		os.Exit(1)
	}
	fmt.Printf("supportdesk on http://%s with %d cardholders\n", listener.Addr(), *people)
	server := &http.Server{Handler: tool.New(tool.Config{Seed: *seed, People: *people}), ReadHeaderTimeout: 10 * time.Second}
	fmt.Fprintln(os.Stderr, "supportdesk:", server.Serve(listener))
	os.Exit(1)
}
