package keeper

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"

	"github.com/hashicorp/vault/api"
	"github.com/hashicorp/vault/api/auth/approle"
	"github.com/hashicorp/vault/api/auth/kubernetes"
)

// VaultAuth says how Privet proves itself to Vault. Credentials are read from
// their files at every log-in, so whoever delivers them may replace them.
type VaultAuth struct {
	Method string // "approle", "kubernetes", "jwt", "cert" or "token"
	Mount  string // where the method is mounted; its own name if empty
	Role   string // of kubernetes, jwt and cert

	RoleID          string // approle
	SecretIDFile    string // approle; 0600
	SecretIDWrapped bool   // the file holds a response-wrapping token, not the secret id
	JWTFile         string // kubernetes (the pod's own if empty) and jwt
	CertFile        string // cert: client certificate and key, PEM
	KeyFile         string
	TokenFile       string // token; 0600
	TokenEnv        string // token: an environment variable instead
}

// podToken is where Kubernetes puts a pod's token.
const podToken = "/var/run/secrets/kubernetes.io/serviceaccount/token"

// check refuses what no log-in could mend.
func (a *VaultAuth) check() error {
	need := func(what, value string) error {
		if value == "" {
			return fmt.Errorf("vault auth method %s needs %s", a.Method, what)
		}
		return nil
	}
	switch a.Method {
	case "approle":
		return errors.Join(need("role_id", a.RoleID), need("secret_id_file", a.SecretIDFile))
	case "kubernetes":
		return need("role", a.Role)
	case "jwt":
		return errors.Join(need("role", a.Role), need("jwt_file", a.JWTFile))
	case "cert":
		return errors.Join(need("cert_file", a.CertFile), need("key_file", a.KeyFile))
	case "token":
		return need("token_file or token_env", a.TokenFile+a.TokenEnv)
	}
	return fmt.Errorf("vault auth method %q is not approle, kubernetes, jwt, cert or token", a.Method)
}

// login is the log-in of the method.
func (a *VaultAuth) login() func(context.Context, *api.Client) (*api.Secret, error) {
	mount := a.Mount
	if mount == "" {
		mount = a.Method
	}
	switch a.Method {
	case "approle":
		return (&appRole{auth: a, mount: mount}).login
	case "kubernetes":
		file := a.JWTFile
		if file == "" {
			file = podToken
		}
		return func(ctx context.Context, c *api.Client) (*api.Secret, error) {
			m, err := kubernetes.NewKubernetesAuth(a.Role, kubernetes.WithServiceAccountTokenPath(file), kubernetes.WithMountPath(mount))
			if err != nil {
				return nil, fmt.Errorf("%w: %v", ErrDenied, err)
			}
			return m.Login(ctx, c)
		}
	case "jwt":
		return func(ctx context.Context, c *api.Client) (*api.Secret, error) {
			jwt, err := os.ReadFile(a.JWTFile)
			if err != nil {
				return nil, fmt.Errorf("%w: %v", ErrDenied, err)
			}
			return c.Logical().WriteWithContext(ctx, "auth/"+mount+"/login", map[string]any{"role": a.Role, "jwt": strings.TrimSpace(string(jwt))})
		}
	case "cert": // the certificate is shown in the TLS handshake
		return func(ctx context.Context, c *api.Client) (*api.Secret, error) {
			return c.Logical().WriteWithContext(ctx, "auth/"+mount+"/login", map[string]any{"name": a.Role})
		}
	}
	return a.lookup
}

// lookup checks a token that was given to us and learns how long it lives.
func (a *VaultAuth) lookup(ctx context.Context, c *api.Client) (*api.Secret, error) {
	token := os.Getenv(a.TokenEnv)
	if a.TokenFile != "" {
		raw, err := readPrivate(a.TokenFile)
		if err != nil {
			return nil, fmt.Errorf("%w: %v", ErrDenied, err)
		}
		token = string(raw)
	}
	if token = strings.TrimSpace(token); token == "" {
		return nil, fmt.Errorf("%w: the vault token is empty", ErrDenied)
	}
	c.SetToken(token)
	about, err := c.Auth().Token().LookupSelfWithContext(ctx)
	if err != nil {
		return nil, err
	}
	ttl, err := about.TokenTTL()
	if err != nil {
		return nil, err
	}
	renewable, err := about.TokenIsRenewable()
	if err != nil {
		return nil, err
	}
	return &api.Secret{Auth: &api.SecretAuth{ClientToken: token, LeaseDuration: int(ttl.Seconds()), Renewable: renewable}}, nil
}

// appRole remembers a secret id that came response-wrapped, for as long as the
// file still holds the same, spent, wrapping token.
type appRole struct {
	auth  *VaultAuth
	mount string

	mu       sync.Mutex
	wrapping string
	secretID string
}

func (a *appRole) login(ctx context.Context, c *api.Client) (*api.Secret, error) {
	raw, err := readPrivate(a.auth.SecretIDFile)
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrDenied, err)
	}
	secretID := strings.TrimSpace(string(raw))
	if a.auth.SecretIDWrapped {
		if secretID, err = a.unwrap(ctx, c, secretID); err != nil {
			return nil, err
		}
	}
	m, err := approle.NewAppRoleAuth(a.auth.RoleID, &approle.SecretID{FromString: secretID}, approle.WithMountPath(a.mount))
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrDenied, err)
	}
	return m.Login(ctx, c)
}

func (a *appRole) unwrap(ctx context.Context, c *api.Client, wrapping string) (string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if wrapping == a.wrapping {
		return a.secretID, nil
	}
	secret, err := c.Logical().UnwrapWithContext(ctx, wrapping)
	var refused *api.ResponseError
	if errors.As(err, &refused) && refused.StatusCode < 429 {
		return "", fmt.Errorf("%w: the wrapped secret id in %s is spent or expired. If nobody here has used it, somebody else has: "+
			"treat it as stolen, destroy that secret id and deliver a new one", ErrDenied, a.auth.SecretIDFile)
	}
	if err != nil {
		return "", err
	}
	id, ok := "", false
	if secret != nil {
		id, ok = secret.Data["secret_id"].(string)
	}
	if !ok {
		return "", fmt.Errorf("%w: %s wraps something other than a secret id", ErrDenied, a.auth.SecretIDFile)
	}
	a.wrapping, a.secretID = wrapping, id
	return id, nil
}
