package gateway

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/privet-gateway/privet/audit/keeper/keepertest"
	"github.com/privet-gateway/privet/policy"
)

// origin is a web server as it runs behind gateways, with a log of the request
// lines it saw. In the arguments {config} stands for its file, which is named as.
type origin struct {
	config, as string
	program    string
	args       []string
	jars       []string // that a Java program must find
}

func origins() map[string]func(dir, addr, log string) origin {
	port := func(addr string) string { return strings.Split(addr, ":")[1] }
	java := func(class string, jars []string, args ...string) (string, []string) { // quick to start, small
		quick := []string{"-Xmx64m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", strings.Join(jars, ":"), class}
		return "java", append(quick, args...)
	}
	return map[string]func(dir, addr, log string) origin{
		"nginx": func(dir, addr, log string) origin {
			return origin{config: fmt.Sprintf("daemon off; user root; pid %[1]s/pid; error_log %[1]s/error;\nevents {}\nhttp { log_format line '$request'; access_log %[3]s line; client_body_temp_path %[1]s/b; proxy_temp_path %[1]s/p; fastcgi_temp_path %[1]s/f; uwsgi_temp_path %[1]s/u; scgi_temp_path %[1]s/s;\nserver { listen %[2]s; default_type application/json; location / { return 200 '{}'; } } }\n", dir, addr, log),
				program: "nginx", args: []string{"-c", "{config}"}}
		},
		"apache2": func(dir, addr, log string) origin {
			return origin{config: fmt.Sprintf("Listen %s\nServerName localhost\nServerRoot %s\nPidFile %[2]s/pid\nErrorLog %[2]s/error\nDefaultRuntimeDir %[2]s\nLoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so\nLoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so\nLogFormat \"%%r\" line\nCustomLog %s line\nDocumentRoot %[2]s\n", addr, dir, log),
				program: "apache2", args: []string{"-DFOREGROUND", "-f", "{config}"}}
		},
		"lighttpd": func(dir, addr, log string) origin {
			return origin{config: fmt.Sprintf("server.document-root = %q\nserver.bind = \"127.0.0.1\"\nserver.port = %s\nserver.modules = (\"mod_accesslog\")\naccesslog.filename = %q\naccesslog.format = \"%%r\"\n", dir, port(addr), log),
				program: "lighttpd", args: []string{"-D", "-f", "{config}"}}
		},
		"haproxy": func(dir, addr, log string) origin {
			return origin{config: fmt.Sprintf("global\n  log stdout format raw local0\ndefaults\n  mode http\n  timeout client 10s\n  timeout server 10s\n  timeout connect 5s\nfrontend f\n  bind %s\n  log global\n  log-format \"%%[capture.req.method] %%[capture.req.uri] %%[capture.req.ver]\"\n  http-request return status 200 content-type application/json string {}\n", addr),
				program: "haproxy", args: []string{"-db", "-f", "{config}"}}
		},
		"gunicorn": func(dir, addr, log string) origin {
			return origin{config: "def app(environ, start):\n    environ['wsgi.input'].read(int(environ.get('CONTENT_LENGTH') or 0))\n    start('200 OK', [('Content-Type', 'application/json'), ('Content-Length', '2')])\n    return [b'{}']\n",
				as: "config.py", program: "gunicorn", args: []string{"--chdir", dir, "-b", addr, "--keep-alive", "5", "-k", "gthread", "--threads", "16", "--access-logfile", log, "--access-logformat", "%(r)s", "config:app"}}
		},
		"puma": func(dir, addr, log string) origin {
			return origin{config: fmt.Sprintf("log = File.open(%q, 'a'); log.sync = true\nrun lambda { |env| log.write(\"#{env['REQUEST_METHOD']} #{env['REQUEST_URI'] || env['REQUEST_PATH']} #{env['SERVER_PROTOCOL']}\\n\"); [200, {'content-type' => 'application/json'}, ['{}']] }\n", log),
				as: "config.ru", program: "puma", args: []string{"-b", "tcp://" + addr, "-q", "--dir", dir, "{config}"}}
		},
		"tomcat": func(dir, addr, log string) origin {
			home := "/usr/share/tomcat10"
			o := origin{config: fmt.Sprintf("<Server port=\"-1\"><Service name=\"s\"><Connector address=\"127.0.0.1\" port=\"%s\" bindOnInit=\"false\"/>\n<Engine name=\"e\" defaultHost=\"h\"><Host name=\"h\" autoDeploy=\"false\"><Context path=\"\" docBase=\"%[2]s\"/>\n<Valve className=\"org.apache.catalina.valves.AccessLogValve\" directory=\"%[2]s\" prefix=\"%[3]s\" suffix=\"\" fileDateFormat=\"\" rotatable=\"false\" buffered=\"false\" pattern=\"%%r\"/></Host></Engine></Service></Server>\n", port(addr), dir, filepath.Base(log)),
				as: "server.xml", jars: []string{home + "/bin/bootstrap.jar", home + "/bin/tomcat-juli.jar"}}
			o.program, o.args = java("org.apache.catalina.startup.Bootstrap", o.jars, "-config", "{config}", "start")
			o.args = append([]string{"-Dcatalina.home=" + home, "-Dcatalina.base=" + dir}, o.args...)
			return o
		},
		"jetty": func(dir, addr, log string) origin {
			o := origin{config: fmt.Sprintf("<?xml version=\"1.0\"?>\n<!DOCTYPE Configure PUBLIC \"-//Jetty//Configure//EN\" \"http://www.eclipse.org/jetty/configure_9_3.dtd\">\n<Configure id=\"s\" class=\"org.eclipse.jetty.server.Server\">\n<Call name=\"addConnector\"><Arg><New class=\"org.eclipse.jetty.server.ServerConnector\"><Arg><Ref refid=\"s\"/></Arg><Set name=\"host\">127.0.0.1</Set><Set name=\"port\">%s</Set></New></Arg></Call>\n<Set name=\"requestLog\"><New class=\"org.eclipse.jetty.server.CustomRequestLog\"><Arg type=\"String\">%s</Arg><Arg>%%r</Arg></New></Set>\n<Set name=\"handler\"><New class=\"org.eclipse.jetty.server.handler.DefaultHandler\"/></Set></Configure>\n", port(addr), log)}
			for _, jar := range []string{"jetty9-server", "jetty9-util", "jetty9-http", "jetty9-io", "jetty9-xml", "servlet-api"} {
				o.jars = append(o.jars, "/usr/share/java/"+jar+".jar")
			}
			o.program, o.args = java("org.eclipse.jetty.xml.XmlConfiguration", o.jars, "{config}")
			return o
		},
	}
}

// recorded remembers which paths were decided on.
type recorded struct {
	*faultyRules
	mu    sync.Mutex
	lines map[string]int // "GET /path"
}

func (r *recorded) Match(tool, method, path string) (*policy.Screen, map[string]string, error) {
	s, params, err := r.faultyRules.Match(tool, method, path)
	if err == nil {
		r.mu.Lock()
		r.lines[method+" "+(&url.URL{Path: path}).EscapedPath()]++
		r.mu.Unlock()
	}
	return s, params, err
}

// TestMutatedHeads sends thousands of malformed heads through the gateway to
// real web servers: none of them sees a request that was not decided on and
// that is not in the trail.
func TestMutatedHeads(t *testing.T) {
	t.Parallel()
	n := 150
	if *full {
		n = 5000
	}
	for name, describe := range origins() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, addr := t.TempDir(), keepertest.FreeAddress(t)
			os.Chmod(dir, 0o755)
			os.Chmod(filepath.Dir(dir), 0o755)
			log := filepath.Join(dir, "access.log")
			o := describe(dir, addr, log)
			for _, jar := range o.jars {
				needs(t, jar)
			}
			file := filepath.Join(dir, cmp.Or(o.as, "config"))
			if err := os.WriteFile(file, []byte(o.config), 0o644); err != nil {
				t.Fatal(err)
			}
			for i, a := range o.args {
				o.args[i] = strings.ReplaceAll(a, "{config}", file)
			}
			var gate *Gateway
			rules := &recorded{faultyRules: newRules(t), lines: map[string]int{}}
			var reached, passed int
			t.Run("attack", func(t *testing.T) { // the origin ends with it, and its log is whole
				said := filepath.Join(dir, "said")
				if name == "haproxy" { // it logs to its standard output
					said = log
				}
				start(t, addr, said, o.program, o.args...)
				h := newHouse(t, says("application/json", account), func(c *Config) {
					c.Policy = rules
					c.Tools[0].Upstream = &url.URL{Scheme: "http", Host: addr}
					c.PerAgent = 1 << 20
				})
				gate = h.gate
				h.get("/files/first") // however long it takes: some servers are slow to wake
				passed = attack(t, h, n)
				gate.Close()
				reached = len(h.trail.all("view.intent"))
			})
			text, err := os.ReadFile(log)
			if err != nil {
				t.Fatal(err)
			}
			seen := 0
			lines := map[string]int{}
			for line := range strings.Lines(string(text)) {
				f := strings.Fields(line)
				if len(f) != 3 || !strings.HasPrefix(f[2], "HTTP/") || f[0] == "-" {
					continue
				}
				seen++
				path, _, _ := strings.Cut(f[1], "?")
				lines[f[0]+" "+path]++
			}
			for line, count := range lines {
				if count > rules.lines[line] {
					t.Errorf("%s saw %q %d times, decided on %d times", name, line, count, rules.lines[line])
				}
			}
			if seen > reached || seen < n/50 {
				t.Errorf("%s saw %d requests, the trail has %d", name, seen, reached)
			}
			t.Logf("%s: %d heads, %d answered 200, %d seen by it, %d in the trail", name, n, passed, seen, reached)
		})
	}
}

// attack sends n mutated heads, and says how many were answered with a view.
func attack(t *testing.T, h *house, n int) (passed int) {
	t.Helper()
	front := h.open(ListenConfig{Blames: 1 << 20})
	var all sync.WaitGroup
	var mu sync.Mutex
	for worker := range 8 {
		all.Go(func() {
			for i := worker; i < n; i += 8 {
				head := mutated(rand.New(rand.NewPCG(2026, uint64(i))), i)
				answer, err := throw(t.Context(), front, head)
				if err != nil {
					t.Errorf("head %d: %v", i, err)
					return
				}
				if bytes.Contains(answer, []byte(" 200 OK\r\n")) {
					mu.Lock()
					passed++
					mu.Unlock()
				}
			}
		})
	}
	all.Wait()
	return passed
}

// throw writes raw bytes and reads until the server hangs up.
func throw(ctx context.Context, addr string, raw []byte) ([]byte, error) {
	ctx, stop := context.WithTimeout(ctx, 30*time.Second)
	defer stop()
	conn, err := (&tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}}}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	deadline, _ := ctx.Deadline()
	conn.Write(raw)
	// A server takes the end of what it reads for the end of its reader, so it
	// gets a moment for its first answer; heads it waits to see the rest of
	// get the end then.
	first := make([]byte, 64<<10)
	conn.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
	n, _ := conn.Read(first)
	conn.SetReadDeadline(deadline)
	conn.(*tls.Conn).CloseWrite()
	rest, _ := io.ReadAll(conn) // a reset is an answer too
	return append(first[:n], rest...), ctx.Err()
}

// mutated is a head that was right until something was done to it, with a
// second request hidden where a body would be.
func mutated(r *rand.Rand, i int) []byte {
	pick := func(list ...string) string { return list[r.IntN(len(list))] }
	often := func(list ...string) string { // the right one, most of the time
		if r.IntN(4) > 0 {
			return list[0]
		}
		return pick(list...)
	}
	inner := fmt.Sprintf("GET /files/smuggled%d HTTP/1.1\r\nHost: %s\r\n\r\n", i, host)
	path := often("/files/m%d", "/files/%%6d%d", "/files/a%%2fm%d", "/files/..%%2fm%d", "//files/m%d", "/files/m%d;x=1", "/files/m%d?view=1",
		"/files/%%2e%%2e/m%d", "/files/m%d%%0d%%0aX:y", "http://"+host+"/files/m%d", "http://evil/files/m%d", "/files/m%d%%00", "/files\\m%d", "/files/m%d#x", "*%d", "/files/./m%d")
	lines := []string{
		often("GET", "POST", "HEAD", "OPTIONS", "TRACE", "CONNECT", "get", "G ET", "PRI") + " " + fmt.Sprintf(path, i) + " " + often("HTTP/1.1", "HTTP/1.0", "HTTP/2.0", "HTTP/1.1 x", "http/1.1"),
		"Host: " + often(host, "evil", host+":80@evil", host+"\tx"),
		SessionHeader + ": " + token,
	}
	extra := []string{"Content-Length: %d", "Content-Length: 0", "Content-Length: +%d", "Content-Length: 0, %d", "Content-Length:%d\x0b", "Content-length : %d", "Content_Length: %d",
		"Transfer-Encoding: chunked", "Transfer-Encoding: xchunked", "Transfer-Encoding : chunked", "Transfer-Encoding:\tchunked", "Transfer-Encoding: \x0bchunked", "Transfer-Encoding: chunked, identity",
		"Transfer-Encoding: identity, chunked", "transfer_encoding: chunked", "X: y\nTransfer-Encoding: chunked", "X: y\rTransfer-Encoding: chunked", "X: y\r\n Transfer-Encoding: chunked",
		"Upgrade: h2c", "Upgrade: websocket", "Connection: Upgrade, HTTP2-Settings", "Connection: close", "Connection: keep-alive, Host", "Expect: 100-continue", "Expect: x", "Host: evil",
		"X-Forwarded-Host: evil", "X-Original-Url: /admin", "X-Rewrite-Url: /admin", "X-Http-Method-Override: DELETE", "Trailer: Host", "Te: trailers", "Range: bytes=0-0", "\x00: x", ": x", "X\x00: y", "X: \x7f", "Content-Type: application/json",
		"Content-Encoding: gzip", strings.Repeat("A", 200) + ": " + strings.Repeat("b", 5000)}
	for range r.IntN(3) {
		one := extra[r.IntN(len(extra))]
		if strings.Contains(one, "%d") {
			one = fmt.Sprintf(one, pickInt(r, len(inner), 0, 5, len(inner)+7))
		}
		at := 1 + r.IntN(len(lines))
		lines = append(lines[:at], append([]string{one}, lines[at:]...)...)
	}
	head := []byte(strings.Join(lines, "\r\n") + "\r\n\r\n")
	for range r.IntN(2) { // and now the bytes
		at := r.IntN(len(head))
		switch r.IntN(5) {
		case 0:
			head[at] = "\r\n\t \x00\x0b:/%\xff"[r.IntN(10)]
		case 1:
			head = append(head[:at], head[min(at+1, len(head)):]...)
		case 2:
			head = append(head[:at], append([]byte(pick("\r", "\n", "\r\n", "\r\n\r\n", " ", "\x00", "\r\n ")), head[at:]...)...)
		case 3:
			head = bytes.Replace(head, []byte("\r\n"), []byte(pick("\n", "\r", "\r\r\n")), 1+r.IntN(3))
		}
		if len(head) == 0 {
			head = []byte("\r\n\r\n")
		}
	}
	body := pick(inner, inner, "0\r\n\r\n"+inner, fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(inner), inner), "5\r\nhello\r\n0\r\nHost: evil\r\n\r\n"+inner, "")
	return append(head, body...)
}

func pickInt(r *rand.Rand, list ...int) int { return list[r.IntN(len(list))] }
