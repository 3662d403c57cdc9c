package rights

import (
	"crypto/ed25519"

	"github.com/privet-gateway/privet/audit/keeper"
)

func verifier(keys []keeper.PublicKey) func(message, signature []byte, version int) bool {
	return func(message, signature []byte, version int) bool {
		for _, k := range keys {
			if k.Version == version && ed25519.Verify(k.Ed25519, message, signature) {
				return true
			}
		}
		return false
	}
}
