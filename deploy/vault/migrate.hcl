# What privet keys migrate needs, once, while it moves a local keeper's keys
# into Vault. Revoke the token afterwards and delete this policy.

path "privet/wrapping_key"          { capabilities = ["read"] }
path "privet/keys/mac/import"       { capabilities = ["update"] }
path "privet/keys/sign/import"      { capabilities = ["update"] }
path "privet/keys/sign/import_version" { capabilities = ["update"] }
path "privet/keys/+"                { capabilities = ["read"] }

path "privet/encrypt/shard-*"   { capabilities = ["update"] }
path "privet/decrypt/shard-*"   { capabilities = ["update"] }
path "privet/encrypt/seal"      { capabilities = ["update"] }
path "privet/decrypt/seal"      { capabilities = ["update"] }
path "privet/hmac/mac/sha2-256" { capabilities = ["update"] }
path "privet/sign/sign"         { capabilities = ["update"] }

path "auth/token/lookup-self" { capabilities = ["read"] }
path "auth/token/renew-self"  { capabilities = ["update"] }
path "auth/token/revoke-self" { capabilities = ["update"] }
