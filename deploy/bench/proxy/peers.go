package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// server is one row of the table.
type server struct {
	name   string
	plain  string // address without TLS
	secure string // with TLS and h2; "": none
	pid    int    // of the process, whose children count too
}

// open starts every server that is wanted and installed.
func open(ctx context.Context, dir, only string) (all []server, stop func(), err error) {
	var running []*exec.Cmd
	stop = func() {
		for _, cmd := range running {
			_ = cmd.Process.Signal(syscall.SIGTERM)
		}
		for _, cmd := range running {
			late := time.AfterFunc(5*time.Second, func() { _ = cmd.Process.Kill() })
			_ = cmd.Wait()
			late.Stop()
		}
	}
	run := func(name, addr, secure, program string, args ...string) error {
		cmd := exec.CommandContext(ctx, program, args...)
		said, err := os.Create(filepath.Join(dir, name+".log"))
		if err != nil {
			return err
		}
		cmd.Stdout, cmd.Stderr = said, said
		cmd.Env = append(os.Environ(), "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir)
		if err := cmd.Start(); err != nil {
			return err
		}
		running = append(running, cmd)
		if err := listening(addr); err != nil {
			text, _ := os.ReadFile(said.Name())
			return fmt.Errorf("%s: %w: %s", name, err, text)
		}
		all = append(all, server{name: name, plain: addr, secure: secure, pid: cmd.Process.Pid})
		return nil
	}
	self, err := os.Executable()
	if err != nil {
		return nil, stop, err
	}
	ports := &ports{next: 21000}
	originAddr, originSecure := ports.pair()
	role := func(name, addr, secure string) error {
		own := filepath.Join(dir, name)
		if err := os.MkdirAll(own, 0o700); err != nil {
			return err
		}
		return run(name, addr, secure, self, "-role", name, "-addr", addr, "-tool", originAddr, "-dir", own)
	}
	if err := role("origin", originAddr, originSecure); err != nil {
		return all, stop, err
	}
	all[0].name = "direct"
	for _, name := range []string{"bare", "walk", "privet", "unviewed", "idle", "idle+tls"} {
		if addr, secure := ports.pair(); wanted(only, name) {
			if err := role(name, addr, secure); err != nil {
				return all, stop, err
			}
		}
	}
	for _, p := range []peer{
		{"nginx", "nginx", nginx(false)}, {"nginx+auth", "nginx", nginx(true)},
		{"caddy", "caddy", caddy(false)}, {"caddy+auth", "caddy", caddy(true)},
		{"traefik", "traefik", traefik(false)}, {"traefik+auth", "traefik", traefik(true)},
	} {
		addr, secure := ports.pair()
		if !wanted(only, p.name) {
			continue
		}
		program, err := find(p.program)
		if err != nil {
			fmt.Printf("%s is left out: %v\n", p.name, err)
			continue
		}
		file := filepath.Join(dir, "for-"+p.name+".yaml") // Traefik goes by the ending, and takes traefik.yaml for another
		text := p.config(dir, addr, secure, originAddr)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			return all, stop, err
		}
		args := []string{"-c", file}
		switch p.program {
		case "caddy":
			args = []string{"run", "--adapter", "caddyfile", "--config", file}
		case "traefik":
			args = []string{"--entrypoints.web.address=" + addr, "--entrypoints.secure.address=" + secure, "--providers.file.filename=" + file,
				"--global.checknewversion=false", "--global.sendanonymoususage=false", "--log.level=ERROR"}
		}
		if err := run(p.name, addr, secure, program, args...); err != nil {
			return all, stop, err
		}
		if err := routed(addr); err != nil {
			return all, stop, fmt.Errorf("%s: %w", p.name, err)
		}
	}
	return all, stop, nil
}

type peer struct {
	name, program string
	config        func(dir, addr, secure, tool string) string
}

func find(program string) (string, error) {
	for _, name := range []string{program, "/usr/sbin/" + program} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("%s is not installed", program)
}

// ports gives out pairs of neighbours that are free.
type ports struct{ next int }

func (p *ports) pair() (plain, secure string) {
	for {
		p.next += 2
		plain, secure = "127.0.0.1:"+strconv.Itoa(p.next), "127.0.0.1:"+strconv.Itoa(p.next+1)
		if free(plain) && free(secure) {
			return plain, secure
		}
	}
}

func free(addr string) bool {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return false
	}
	return l.Close() == nil
}

func listening(addr string) error {
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if conn, err := net.Dial("tcp", addr); err == nil {
			return conn.Close()
		}
	}
	return errors.New("does not listen")
}

// routed waits until a peer that listens also knows where to: Traefik takes a moment.
func routed(addr string) error {
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if res, err := http.Get("http://" + addr + small); err == nil {
			_ = res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return nil
			}
		}
	}
	return errors.New("does not forward")
}

func nginx(auth bool) func(dir, addr, secure, tool string) string {
	return func(dir, addr, secure, tool string) string {
		own := filepath.Join(dir, fmt.Sprintf("nginx-%v", auth))
		_ = os.MkdirAll(own, 0o700)
		ask, asked := "", ""
		if auth {
			ask = "auth_request /ask; auth_request_set $u $upstream_http_x_user; proxy_set_header X-User $u;"
			asked = "location = /ask { internal; proxy_pass http://origin/yes; proxy_pass_request_body off; proxy_set_header Content-Length ''; proxy_http_version 1.1; proxy_set_header Connection ''; }"
		}
		return fmt.Sprintf(`daemon off; worker_processes 2; pid %[1]s/pid; error_log %[1]s/error.log; user root;
events { worker_connections 4096; }
http { access_log off; client_body_temp_path %[1]s/b; proxy_temp_path %[1]s/p; fastcgi_temp_path %[1]s/f; uwsgi_temp_path %[1]s/u; scgi_temp_path %[1]s/s;
upstream origin { server %[4]s; keepalive 128; }
server { listen %[2]s; listen %[3]s ssl http2; ssl_certificate %[5]s/cert.pem; ssl_certificate_key %[5]s/key.pem; keepalive_requests 1000000;
location / { %[6]s proxy_pass http://origin; proxy_http_version 1.1; proxy_set_header Connection ''; }
%[7]s } }
`, own, addr, secure, tool, filepath.Join(dir, "origin"), ask, asked)
	}
}

func caddy(auth bool) func(dir, addr, secure, tool string) string {
	return func(dir, addr, secure, tool string) string {
		ask := ""
		if auth {
			ask = fmt.Sprintf("forward_auth %s {\n uri /yes\n copy_headers X-User\n }", tool)
		}
		site := fmt.Sprintf("%s\n reverse_proxy %s\n", ask, tool)
		return fmt.Sprintf("{\n admin off\n auto_https off\n}\nhttp://%s {\n%s}\nhttps://%s {\n tls %s %s\n%s}\n",
			addr, site, secure, filepath.Join(dir, "origin", "cert.pem"), filepath.Join(dir, "origin", "key.pem"), site)
	}
}

func traefik(auth bool) func(dir, addr, secure, tool string) string {
	return func(dir, addr, secure, tool string) string {
		ask, asked := "", ""
		if auth {
			ask = ", middlewares: [ask]"
			asked = fmt.Sprintf("  middlewares: {ask: {forwardAuth: {address: 'http://%s/yes', authResponseHeaders: [X-User]}}}\n", tool)
		}
		return fmt.Sprintf("http:\n  routers:\n    plain: {rule: 'PathPrefix(`/`)', entryPoints: [web], service: origin%[1]s}\n    secure: {rule: 'PathPrefix(`/`)', entryPoints: [secure], service: origin, tls: {}%[1]s}\n"+
			"  services: {origin: {loadBalancer: {servers: [{url: 'http://%[2]s'}]}}}\n%[3]stls: {certificates: [{certFile: %[4]s, keyFile: %[5]s}]}\n",
			ask, tool, asked, filepath.Join(dir, "origin", "cert.pem"), filepath.Join(dir, "origin", "key.pem"))
	}
}
