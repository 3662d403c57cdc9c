package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/privet-gateway/privet/audit"
	"github.com/privet-gateway/privet/redact"
)

// The dashboard and the alerts ask for metrics that exist, under their names
// and labels.
func TestDashboardMetrics(t *testing.T) {
	scan, err := redact.New(redact.Config{})
	if err != nil {
		t.Fatal(err)
	}
	tel, err := newTelemetry(t.Context(), scan)
	if err != nil {
		t.Fatal(err)
	}
	door, err := tel.watched("desk", http.NotFoundHandler())
	if err != nil {
		t.Fatal(err)
	}
	door.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
	observe, err := tel.exchanges()
	if err != nil {
		t.Fatal(err)
	}
	observe("decrypt", time.Millisecond, nil)
	unsigned := audit.LaneHealth{Size: 2, Covered: 1, Waits: time.Now().Add(-time.Hour), Held: true}
	given, closed := unsigned, unsigned
	given.Covered, closed.Held = 2, false
	lanes := []audit.LaneHealth{given, closed}
	if err := tel.trail(func(context.Context) ([]audit.LaneHealth, error) { return lanes, nil }); err != nil {
		t.Fatal(err)
	}
	for _, want := range []float64{0, 3600} {
		families, err := tel.registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range families {
			if got := f.GetMetric()[0].GetGauge().GetValue(); f.GetName() == "privet_trail_unsigned_age_seconds" && (got < want || got > want+600) {
				t.Errorf("entries have waited %v s, want %v", got, want)
			}
		}
		lanes = append(lanes, unsigned)
	}
	families, err := tel.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, f := range families {
		for _, suffix := range []string{"", "_count", "_bucket", "_sum"} {
			known[f.GetName()+suffix] = true
		}
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				known[l.GetName()] = true
			}
		}
	}
	for _, file := range []string{"privet.json", "alerts.yaml"} {
		text, err := os.ReadFile(filepath.Join("../../deploy/dashboards", file))
		if err != nil {
			t.Fatal(err)
		}
		asked := regexp.MustCompile(`\b(privet|process)_[a-z_]+|http_response_status_code`).FindAllString(string(text), -1)
		if len(asked) < 4 {
			t.Errorf("%s asks for %v only", file, asked)
		}
		for _, name := range asked {
			if !known[name] {
				t.Errorf("%s asks for %s, which nobody counts", file, name)
			}
		}
	}
}

// The configuration inside the Kubernetes manifest is one that Privet reads,
// and every path in it is mounted.
func TestKubernetesConfiguration(t *testing.T) {
	text, err := os.ReadFile("../../deploy/kubernetes.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var inside string
	var mounts []string
	for dec := yaml.NewDecoder(strings.NewReader(string(text))); ; {
		var doc struct {
			Kind string            `yaml:"kind"`
			Data map[string]string `yaml:"data"`
			Spec struct {
				Template struct {
					Spec struct {
						Containers []struct {
							Mounts []struct {
								Path string `yaml:"mountPath"`
							} `yaml:"volumeMounts"`
						} `yaml:"containers"`
					} `yaml:"spec"`
				} `yaml:"template"`
			} `yaml:"spec"`
		}
		if err := dec.Decode(&doc); err != nil {
			break
		}
		if doc.Kind == "ConfigMap" {
			inside = doc.Data["privet.yaml"]
		}
		for _, c := range doc.Spec.Template.Spec.Containers {
			for _, m := range c.Mounts {
				mounts = append(mounts, m.Path)
			}
		}
	}
	file := filepath.Join(t.TempDir(), "privet.yaml")
	if err := os.WriteFile(file, []byte(inside), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := readConfig(file)
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Keeper.Vault == nil || cfg.Keeper.Vault.Auth != "kubernetes" {
		t.Error("the manifest's keeper is not Vault by Kubernetes")
	}
	for _, path := range []string{cfg.TLS.Certificate, cfg.TLS.Key, cfg.Keeper.Vault.CA, cfg.Keeper.Vault.JWT, cfg.Trail.Key, cfg.Tools[0].Catalogue} {
		mounted := false
		for _, m := range mounts {
			mounted = mounted || strings.HasPrefix(path, m+"/")
		}
		if !mounted {
			t.Errorf("%s is not mounted", path)
		}
	}
}
