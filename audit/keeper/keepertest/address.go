package keepertest

import (
	"net"
	"testing"
)

// FreeAddress is a loopback address for a server that cannot choose a port
// itself. A connection that has ended there (TIME_WAIT) keeps the system from
// giving the port to anybody who asks for any port, while a server that names it
// still gets it.
func FreeAddress(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	address := listener.Addr().String()
	near, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer near.Close()
	far, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	_ = far.Close() // the side that ends first is the one that waits
	return address
}
