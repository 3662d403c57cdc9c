# What an officer may do beside the gateway: end an epoch (privet keys rotate,
# trim). Kept apart from the gateway, so that a gateway taken over can destroy
# nothing. This policy alone unwraps nothing.

path "privet/keys/+" { capabilities = ["read"] }

path "privet/keys/+/rotate" { capabilities = ["update"] }
path "privet/keys/mac/rotate" { capabilities = ["deny"] }

# Raising the minimum and trimming: the wrapping keys alone, and only upwards
# within what Vault allows. Nobody may make a key exportable or deletable.
path "privet/keys/+/config" {
  capabilities       = ["update"]
  allowed_parameters = { "min_decryption_version" = [], "min_encryption_version" = [] }
}
path "privet/keys/+/trim" { capabilities = ["update"] }
path "privet/keys/seal/config" { capabilities = ["deny"] }
path "privet/keys/seal/trim"   { capabilities = ["deny"] }
path "privet/keys/sign/config" { capabilities = ["deny"] }
path "privet/keys/sign/trim"   { capabilities = ["deny"] }
path "privet/keys/mac/config"  { capabilities = ["deny"] }
path "privet/keys/mac/trim"    { capabilities = ["deny"] }

# Moving survivors to the new version happens inside Vault.
path "privet/rewrap/shard-*" { capabilities = ["update"] }

# For the ping with which privet finds out whether Vault works.
path "privet/hmac/mac/sha2-256" { capabilities = ["update"] }

path "auth/token/lookup-self" { capabilities = ["read"] }
path "auth/token/renew-self"  { capabilities = ["update"] }
path "auth/token/revoke-self" { capabilities = ["update"] }
