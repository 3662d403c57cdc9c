//go:build unix

package gateway

import (
	"errors"
	"io"
	"net"
	"syscall"
)

// silent says whether a kept connection is as it was left: neither closed by
// the tool nor spoken on out of turn. Asking does not wait.
func silent(conn net.Conn) bool {
	sys, ok := conn.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := sys.SyscallConn()
	if err != nil {
		return false
	}
	quiet := false
	err = raw.Read(func(fd uintptr) bool {
		var b [1]byte
		_, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		quiet = err == syscall.EAGAIN || err == syscall.EWOULDBLOCK
		return true
	})
	return err == nil && quiet
}

// writeNow writes all of b without waiting for the peer, or fails.
func writeNow(conn net.Conn, b []byte) (n int, err error) {
	sys, ok := conn.(syscall.Conn)
	if !ok {
		return 0, syscall.ENOTSUP
	}
	raw, err := sys.SyscallConn()
	if err != nil {
		return 0, err
	}
	var wrote error
	err = raw.Write(func(fd uintptr) bool {
		n, wrote = syscall.Write(int(fd), b)
		return true
	})
	if err == nil && wrote == nil && n < len(b) {
		wrote = io.ErrShortWrite
	}
	return max(n, 0), errors.Join(err, wrote)
}
