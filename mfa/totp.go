package mfa

import (
	"crypto/subtle"
	"encoding/base32"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
)

const (
	period   = 30              // seconds a code is shown, and is good for
	maxDrift = 5 * 60          // seconds a device's clock may be off
	missLife = 5 * time.Minute // two codes from outside the window must come within it
)

// device is an agent's authenticator app.
type device struct {
	ID        string
	Agent     string
	Label     string
	Algorithm string // SHA1, SHA256, SHA512
	Digits    int    // 6 or 8
	Sealed    []byte
	LastStep  int64
	Drift     int64 // seconds our clock is moved by to find this device's step
	MissStep  int64
	MissAt    int64 // seconds
	Confirmed int64
}

// algorithms are those of RFC 6238; pquerna/otp would take MD5, and what it
// does not know it would take for SHA-1.
func algorithm(name string) (otp.Algorithm, error) {
	switch name {
	case "SHA1":
		return otp.AlgorithmSHA1, nil
	case "SHA256":
		return otp.AlgorithmSHA256, nil
	case "SHA512":
		return otp.AlgorithmSHA512, nil
	}
	return 0, fmt.Errorf("%w: TOTP algorithm %q is not SHA1, SHA256 or SHA512", ErrInput, name)
}

// codeAt is the code of one step.
func (dev *device) codeAt(seed []byte, step int64) (string, error) {
	alg, err := algorithm(dev.Algorithm)
	if err != nil {
		return "", err
	}
	if dev.Digits != 6 && dev.Digits != 8 {
		return "", fmt.Errorf("%w: TOTP code of %d digits, take 6 or 8", ErrInput, dev.Digits)
	}
	return hotp.GenerateCodeCustom(base32.StdEncoding.EncodeToString(seed), uint64(step),
		hotp.ValidateOpts{Digits: otp.Digits(dev.Digits), Algorithm: alg})
}

// stepAt is the one step this device's window accepts at a time.
func (dev *device) stepAt(now time.Time) int64 { return floorDiv(now.Unix()+dev.Drift, period) }

// match is what a code turned out to be.
type match struct {
	Step int64 // accepted, or 0
	Miss int64 // the nearest step outside the window the code belongs to, or 0
}

// match compares the code with every step a device can be at, ±5 min, always
// all of them: time tells nothing. Colliding codes of other steps change nothing.
func (dev *device) match(seed []byte, code string, now time.Time) (match, error) {
	var m match
	current := dev.stepAt(now)
	first, last := floorDiv(now.Unix()-maxDrift, period), floorDiv(now.Unix()+maxDrift, period)
	for step := min(first, current); step <= max(last, current); step++ {
		if step < 0 {
			continue
		}
		want, err := dev.codeAt(seed, step)
		if err != nil {
			return match{}, err
		}
		if subtle.ConstantTimeCompare([]byte(want), []byte(code)) != 1 {
			continue
		}
		if step == current {
			m.Step = step
		} else if m.Miss == 0 || distance(step, current) < distance(m.Miss, current) {
			m.Miss = step
		}
	}
	return m, nil
}

// learn keeps what a right code from outside the window says about the device's
// clock. Two such codes, the second of a later step, that agree to within one
// step move the window; neither is accepted. A guesser would need both right.
func (dev *device) learn(miss int64, now time.Time) {
	at := now.Unix()
	age := at - dev.MissAt
	agree := dev.MissStep > 0 && miss > dev.MissStep && age >= 0 && age <= int64(missLife/time.Second) &&
		distance((miss-dev.MissStep)*period, age) < period
	if agree {
		low, high := overlap(dev.MissStep, dev.MissAt, miss, at)
		dev.Drift = bounded((low + high) / 2)
	}
	dev.MissStep, dev.MissAt = miss, at // the next one may sharpen it
}

// accept takes a step as spent. A miss just before it (someone types slowly) is
// evidence about the clock as well: the window moves as little as covers both.
func (dev *device) accept(step int64, now time.Time) {
	at := now.Unix()
	age := at - dev.MissAt
	if dev.MissStep > 0 && step > dev.MissStep && age >= 0 && age <= int64(missLife/time.Second) &&
		distance((step-dev.MissStep)*period, age) < period {
		dev.Drift = meet(dev.MissStep, dev.MissAt, step, at, dev.Drift)
	}
	dev.LastStep, dev.MissStep, dev.MissAt = step, 0, 0
}

// meet is the drift nearest to the present one under which step a was current
// at time at, and b at time bt.
func meet(a, at, b, bt, present int64) int64 {
	low, high := overlap(a, at, b, bt)
	return bounded(max(low, min(high, present)))
}

// overlap are the least and greatest drift that fit both; where none does, b decides.
func overlap(a, at, b, bt int64) (low, high int64) {
	low, high = max(a*period-at, b*period-bt), min((a+1)*period-1-at, (b+1)*period-1-bt)
	if low > high {
		return b*period - bt, (b+1)*period - 1 - bt
	}
	return low, high
}

func bounded(drift int64) int64 { return max(-maxDrift, min(maxDrift, drift)) }

// shaped says whether a code can be one of this device, after trimming.
func (dev *device) shaped(code string) bool {
	if len(code) != dev.Digits {
		return false
	}
	for _, r := range code {
		if r < '0' || r > '9' {
			return false
		}
	}
	return true
}

// keyURL is what an authenticator app reads: otpauth://totp/Issuer:name?…
func (dev *device) keyURL(issuer string, seed []byte) string {
	label := url.PathEscape(issuer) + ":" + url.PathEscape(dev.Agent)
	query := "secret=" + strings.TrimRight(base32.StdEncoding.EncodeToString(seed), "=") + "&issuer=" + url.PathEscape(issuer) +
		"&algorithm=" + dev.Algorithm + "&digits=" + strconv.Itoa(dev.Digits) + "&period=" + strconv.Itoa(period)
	return "otpauth://totp/" + label + "?" + query
}

func distance(a, b int64) int64 {
	if a > b {
		return a - b
	}
	return b - a
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
