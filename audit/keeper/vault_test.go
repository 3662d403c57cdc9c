package keeper_test

import (
	"errors"
	"testing"

	"go.uber.org/goleak"

	"github.com/privet-gateway/privet/audit/keeper"
	"github.com/privet-gateway/privet/audit/keeper/keepertest"
)

func TestVaultDev(t *testing.T) {
	s := keepertest.StartDevVault(t)
	keepertest.Run(t, func(t *testing.T) keepertest.Place {
		return vaultPlace(t, s, []keepertest.Fault{
			{Name: "frozen", Want: keeper.ErrDown, Break: func(t *testing.T) { s.Freeze(t) }, Mend: func(t *testing.T) { s.Thaw(t) }},
		})
	})
}

func TestVaultRaft(t *testing.T) {
	s := keepertest.StartVault(t)
	keepertest.Run(t, func(t *testing.T) keepertest.Place {
		return vaultPlace(t, s, []keepertest.Fault{
			{Name: "frozen", Want: keeper.ErrDown, Break: func(t *testing.T) { s.Freeze(t) }, Mend: func(t *testing.T) { s.Thaw(t) }},
			{Name: "sealed", Want: keeper.ErrSealed,
				Break: func(t *testing.T) { s.Seal(t) },
				Mend:  func(t *testing.T) { s.Unseal(t) }},
			{Name: "killed", Want: keeper.ErrDown,
				Break: func(t *testing.T) { s.Kill(t) },
				Mend:  func(t *testing.T) { s.Restart(t) }},
		})
	})
}

// A closed keeper leaves nothing running, whatever Vault is doing.
func TestVaultCloseLeavesNothing(t *testing.T) {
	s := keepertest.StartDevVault(t)
	cfg := s.Config(t, s.Mount(t))
	for _, frozen := range []bool{false, true} {
		before := goleak.IgnoreCurrent()
		k, err := keeper.OpenVault(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		works(t, k)
		if frozen {
			s.Freeze(t)
			if err := k.Health(t.Context()); !errors.Is(err, keeper.ErrDown) {
				t.Errorf("frozen: %v", err)
			}
		}
		if err := k.Close(); err != nil {
			t.Error(err)
		}
		goleak.VerifyNone(t, before)
	}
	s.Thaw(t)
}

// vaultPlace is a fresh mount of a server. Only the faults' test gets the short
// deadline of production.
func vaultPlace(t *testing.T, s *keepertest.VaultServer, faults []keepertest.Fault) keepertest.Place {
	cfg := s.Config(t, s.Mount(t))
	return keepertest.Place{
		Open:   func(t *testing.T) keeper.Keeper { return keepertest.OpenVault(t, cfg) },
		Faults: faults,
	}
}
