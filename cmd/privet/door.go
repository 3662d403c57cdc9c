package main

import (
	"context"
	"errors"
	"net/http"

	"github.com/privet-gateway/privet/mfa"
)

// openDoor opens sign-in.
func (h *house) openDoor(context.Context) (*mfa.Door, error) { return &mfa.Door{}, nil }

// own are Privet's own hosts.
func (h *house) own() map[string]http.Handler { return nil }

// addDemoPerson adds an agent or officer with a given password and TOTP seed.
func (h *house) addDemoPerson(ctx context.Context, p demoPerson, password string, seed []byte) (string, error) {
	return "", errors.New("people cannot be added yet")
}
