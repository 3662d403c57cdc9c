package main

import (
	"context"
	"errors"
)

// addDemoPerson adds an agent or officer with a given password and TOTP seed.
func (h *house) addDemoPerson(ctx context.Context, p demoPerson, password string, seed []byte) (string, error) {
	return "", errors.New("people cannot be added yet")
}
