//go:build !unix

package gateway

import (
	"net"
	"time"
)

// silent cannot be told here: every request gets a connection of its own.
func silent(net.Conn) bool { return false }

// writeNow cannot be told not to wait here: it waits shortly.
func writeNow(conn net.Conn, b []byte) (int, error) {
	_ = conn.SetWriteDeadline(time.Now().Add(10 * time.Millisecond))
	return conn.Write(b)
}
