# What a running gateway may do in Vault: use keys, never change or read them.
# Listed acts only; no upsert (also switched off in the mount), no export, no
# rotation, no trim. setup puts the mount's name in place of privet/.

path "privet/encrypt/shard-*" { capabilities = ["update"] }
path "privet/decrypt/shard-*" { capabilities = ["update"] }

path "privet/encrypt/seal" { capabilities = ["update"] }
path "privet/decrypt/seal" { capabilities = ["update"] }

path "privet/hmac/mac/sha2-256" { capabilities = ["update"] }

path "privet/sign/sign" { capabilities = ["update"] }

# Versions and public keys; transit never returns key material here.
path "privet/keys/+" { capabilities = ["read"] }

# Keys of HTTP holders (privacy.systems), in a KV engine, version 2.
path "secret/data/privet/*" { capabilities = ["read"] }

# Its own token, in case the role leaves out the default policy.
path "auth/token/lookup-self" { capabilities = ["read"] }
path "auth/token/renew-self"  { capabilities = ["update"] }
path "auth/token/revoke-self" { capabilities = ["update"] }
