package gateway

import (
	"bytes"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"

	"net/http/httptest"
	"net/url"
)

// parts writes a multipart body of raw part heads, each with a value.
func parts(boundary string, heads ...string) string {
	var b strings.Builder
	for _, head := range heads {
		b.WriteString("--" + boundary + "\r\n" + head + "\r\n\r\nvalue\r\n")
	}
	return b.String() + "--" + boundary + "--\r\n"
}

// A form's field that some frameworks take for the request's method never
// reaches a tool in any of the spellings they know; what only looks like it does.
func TestMethodInMultipart(t *testing.T) {
	const plain = `Content-Disposition: form-data; name="note"`
	for name, c := range map[string]struct {
		head string
		good bool
	}{
		"another field":           {plain, true},
		"a field that has it":     {`Content-Disposition: form-data; name="payment_method"`, true},
		"a file that has it":      {`Content-Disposition: form-data; name="file"; filename="payment_method.png"`, true},
		"a file, encoded":         {`Content-Disposition: form-data; name="file"; filename*=UTF-8''%e2%82%ac%20rates`, true},
		"a file, otherwise":       {`Content-Disposition: form-data; name="file"; filename="=?utf-8?q?=E2=82=AC?="`, true},
		"a file, in pieces":       {`Content-Disposition: form-data; name="file"; filename*0="a"; filename*1="b"`, true},
		"escaped quote":           {`Content-Disposition: form-data; name="\"; name="_method"`, false},
		"name after a line":       {"Content-Disposition: form-data; name\r\n=\"_method\"", false},
		"plain":                   {`Content-Disposition: form-data; name="_method"`, false},
		"bare":                    {`Content-Disposition: form-data; name=_method`, false},
		"single quotes":           {`Content-Disposition: form-data; name='_method'`, false},
		"in capitals":             {`CONTENT-DISPOSITION: FORM-DATA; NAME="_METHOD"`, false},
		"blanks":                  {`Content-Disposition : form-data ; name = "_method"`, false},
		"folded":                  {"Content-Disposition: form-data;\r\n name=\"_method\"", false},
		"by a line feed":          {"Content-Disposition: form-data;\n name=\"_method\"", false},
		"after another name":      {`Content-Disposition: form-data; name="note"; name="_method"`, false},
		"after another head":      {"Content-Type: text/plain\r\nContent-Disposition: form-data; name=\"_method\"", false},
		"without its blank":       {`Content-Disposition:form-data;name="_method"`, false},
		"PHP's dot":               {`Content-Disposition: form-data; name=".method"`, false},
		"PHP's blank":             {`Content-Disposition: form-data; name=" _method"`, false},
		"PHP's bracket":           {`Content-Disposition: form-data; name="[method"`, false},
		"PHP's list":              {`Content-Disposition: form-data; name="_method[]"`, false},
		"escaped":                 {`Content-Disposition: form-data; name="\_method"`, false},
		"percent":                 {`Content-Disposition: form-data; name="%5Fmethod"`, false},
		"RFC 2231":                {`Content-Disposition: form-data; name*=UTF-8''%5Fmethod`, false},
		"RFC 2231 in pieces":      {`Content-Disposition: form-data; name*0="_met"; name*1="hod"`, false},
		"RFC 2047":                {`Content-Disposition: form-data; name="=?utf-8?q?=5Fmethod?="`, false},
		"as a file's field":       {`Content-Disposition: form-data; name="_method"; filename="a"`, false},
		"unterminated":            {`Content-Disposition: form-data; name="_method`, false},
		"beyond what a head may":  {plain + strings.Repeat("\r\nX-More: "+strings.Repeat("x", 80), 120), false},
		"with a filename before":  {`Content-Disposition: form-data; filename="a"; name="_method"`, false},
		"and a quoted lie before": {`Content-Disposition: form-data; filename="a\"; name=b"; name="_method"`, false},
	} {
		body := parts("xyz", plain, c.head, plain)
		for how, in := range map[string]io.Reader{"at once": strings.NewReader(body), "byte by byte": iotest.OneByteReader(strings.NewReader(body))} {
			p, declared, err := newPartHeads(io.NopCloser(in), "multipart/form-data", map[string]string{"boundary": "xyz"})
			if err != nil || declared != "multipart/form-data; boundary=xyz" {
				t.Fatal(declared, err)
			}
			got, err := io.ReadAll(p)
			switch {
			case c.good && (err != nil || string(got) != body):
				t.Errorf("%s, %s: %v, %d of %d bytes", name, how, err, len(got), len(body))
			case !c.good && (err == nil || strings.Contains(string(got), c.head)):
				t.Errorf("%s, %s: %v, the tool has %q", name, how, err, got)
			}
		}
	}
	for _, bad := range []string{"", "a b", "ä", strings.Repeat("x", 71)} {
		if _, _, err := newPartHeads(http.NoBody, "multipart/form-data", map[string]string{"boundary": bad}); err == nil {
			t.Errorf("boundary %q is taken", bad)
		}
	}
}

// Through the gateway: the tool gets an honest upload byte for byte, and never
// the end of one that names another method.
func TestUploadedMethod(t *testing.T) {
	whole := make(chan string, 1)
	back := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			whole <- "torn"
			return
		}
		whole <- string(body)
		says("application/json", account)(w, r)
	}))
	t.Cleanup(back.Close)
	upstream, _ := url.Parse(back.URL)
	h := newHouse(t, says("application/json", account), func(c *Config) {
		c.Tools[0].Upstream, c.Tools[0].Uploads = upstream, []string{"multipart/form-data"}
	})
	for field, status := range map[string]int{"note": 200, "_method": 403} {
		var b bytes.Buffer
		w := multipart.NewWriter(&b)
		file, _ := w.CreateFormFile("file", "a.bin")
		_, _ = file.Write(bytes.Repeat([]byte("--\r\n\x00"), 100<<10))
		_ = w.WriteField(field, "delete")
		_ = w.Close()
		want := b.String()
		r := h.request("POST", "/api/upload", &b)
		r.Header.Set("Content-Type", w.FormDataContentType())
		res, body := h.do(r)
		if res.StatusCode != status || status == 403 && !strings.Contains(body, "probe") {
			t.Errorf("%s: %d %s", field, res.StatusCode, body)
		}
		if got := <-whole; (got == want) != (status == 200) || strings.Contains(got, "_method") {
			t.Errorf("%s: the tool had %d bytes", field, len(got))
		}
	}
}
