package redact

import (
	"crypto/hmac"
	"crypto/sha256"
	"errors"
)

// KeyedTokens makes tokens by HMAC-SHA256 under a key: equal values of a class
// get equal tokens under one key and unrelated ones under another (PCI DSS 4.0.1
// 3.5.1.1 asks for keyed hashes). A token is "[class:" and sixteen letters, 64
// bits; without digits it can be no number and is found by no detector.
type KeyedTokens struct{ key []byte }

// NewKeyedTokens takes a key of at least 32 bytes; the keeper derives one.
func NewKeyedTokens(key []byte) (*KeyedTokens, error) {
	if len(key) < 32 {
		return nil, errors.New("token key: want at least 32 bytes")
	}
	return &KeyedTokens{key}, nil
}

// Token is a [Tokeniser]'s.
func (k *KeyedTokens) Token(class Class, canonical string) (string, error) {
	mac := hmac.New(sha256.New, k.key)
	mac.Write([]byte(class))
	mac.Write([]byte{0})
	mac.Write([]byte(canonical))
	token := append([]byte{'['}, class...)
	token = append(token, ':')
	for _, b := range mac.Sum(nil)[:8] {
		token = append(token, 'a'+b>>4, 'a'+b&15)
	}
	return string(append(token, ']')), nil
}
