package main

import (
	"strings"
	"testing"
	"time"
)

// A secret that the environment lacks stops the start, and is named: without it the
// post, or an identity provider, refuses everything later and nobody sees why.
func TestSecretsMissing(t *testing.T) {
	const lost = "PRIVET_TEST_LOST"
	for name, start := range map[string]func() error{
		"post": func() error {
			_, err := newPost(postConfig{SMTP: "127.0.0.1:25", User: "privet", Pass: lost}, time.Now)
			return err
		},
		"single sign-on": func() error {
			_, err := (&house{cfg: &config{SignIn: signInConfig{SSO: &ssoConfig{Secret: lost}}}}).openDoor(t.Context())
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			if err := start(); err == nil || !strings.Contains(err.Error(), lost) {
				t.Errorf("%v, want it to name %s", err, lost)
			}
		})
	}
}
