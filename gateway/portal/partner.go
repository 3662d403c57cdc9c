package portal

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/privet-gateway/privet/audit/rights"
)

// failing is what a partner is told of an error of the office: what to mend, or
// nothing but to come again, and then the log has why.
func failing(office *rights.Office, err error) string {
	if errors.Is(err, rights.ErrInvalid) {
		return strings.TrimPrefix(err.Error(), rights.ErrInvalid.Error()+": ")
	}
	office.Log.Warn("a partner's request was not served", "error", err.Error())
	return "try again later"
}

// ErrCallback: an address that must not be called.
var ErrCallback = errors.New("callback address not allowed")

// Caller posts callbacks. Only https addresses on allowed hosts are called, never
// through a redirect, and never at an address inside the house: what a name
// resolves to is judged at the moment of connecting.
type Caller struct {
	hosts  []string
	client *http.Client
}

// NewCaller makes a caller for the hosts a partner registered. inside allows
// addresses of private networks too, for tests and closed networks; roots are whose
// certificates their servers have, nil for the system's.
func NewCaller(hosts []string, inside bool, roots *x509.CertPool) *Caller {
	dialer := &net.Dialer{Timeout: 5 * time.Second, Control: func(_, address string, _ syscall.RawConn) error {
		at, err := netip.ParseAddrPort(address)
		if err != nil {
			return err
		}
		ip := at.Addr().Unmap()
		if !inside && (!ip.IsGlobalUnicast() || ip.IsPrivate() || shared.Contains(ip)) {
			return fmt.Errorf("%w: it leads inside", ErrCallback)
		}
		return nil
	}}
	return &Caller{hosts: hosts, client: &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DialContext: dialer.DialContext, Proxy: nil, TLSHandshakeTimeout: 5 * time.Second, TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}, DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// shared is the carriers' address space (RFC 6598), which IsPrivate leaves out.
var shared = netip.MustParsePrefix("100.64.0.0/10")

// Allowed checks an address before it is taken in.
func (c *Caller) Allowed(address string) error {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" || u.User != nil || u.Fragment != "" || len(address) > 2000 {
		return fmt.Errorf("%w: want https://host/path", ErrCallback)
	}
	if !slices.Contains(c.hosts, u.Hostname()) {
		return fmt.Errorf("%w: its host is not registered", ErrCallback)
	}
	return nil
}

// Post sends a body; the answer's body is thrown away (DRP 1.0 §2.03.1).
func (c *Caller) Post(ctx context.Context, address string, head http.Header, body []byte) error {
	if err := c.Allowed(address); err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header = head
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.client.Do(req)
	if err != nil {
		return errors.New("the partner does not answer")
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10))
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("the partner answers %d", resp.StatusCode)
	}
	return nil
}
