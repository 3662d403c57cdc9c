package keepertest

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
)

// Standby is a second node of the server's raft cluster. With the first dead
// there is no majority, and it serves nobody.
func (s *VaultServer) Standby(t testing.TB) *VaultServer {
	t.Helper()
	s.Admin(t, "POST", "sys/storage/raft/autopilot/configuration", map[string]any{"server_stabilization_time": "1s"})
	b := &VaultServer{owner: t, binary: s.binary, Dir: t.TempDir(), RootToken: s.RootToken, unsealKey: s.unsealKey, standby: true}
	b.writeConfig(t, "b")
	b.launch(t, "server", "-config="+filepath.Join(b.Dir, "vault.hcl"))
	ca, err := os.ReadFile(s.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	join := map[string]any{"leader_api_addr": s.Address, "leader_ca_cert": string(ca)}
	Eventually(t, func() error { return b.Call(http.Header{}, "PUT", "sys/storage/raft/join", join, nil) })
	b.Unseal(t)
	s.standby = true // from now on either may be
	return b
}

// AwaitVote waits until a standby may take over when this node steps down.
func (s *VaultServer) AwaitVote(t testing.TB) {
	t.Helper()
	Eventually(t, func() error {
		var raft struct {
			Data struct {
				Config struct {
					Servers []struct {
						Node  string `json:"node_id"`
						Voter bool   `json:"voter"`
					} `json:"servers"`
				} `json:"config"`
			} `json:"data"`
		}
		if err := s.Call(s.As(s.RootToken), "GET", "sys/storage/raft/configuration", nil, &raft); err != nil {
			return err
		}
		for _, server := range raft.Data.Config.Servers {
			if server.Node == "b" && server.Voter {
				return nil
			}
		}
		return fmt.Errorf("b has no vote: %v", raft.Data.Config.Servers)
	})
}

// HealthCode is what the node answers to sys/health.
func (s *VaultServer) HealthCode(t testing.TB) int {
	t.Helper()
	resp, err := s.http.Get(s.Address + "/v1/sys/health")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}
