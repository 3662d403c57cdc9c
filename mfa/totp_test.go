package mfa

import (
	"errors"
	"testing"
	"testing/quick"
	"time"
)

// RFC 6238 appendix B.
func TestVectors(t *testing.T) {
	seeds := map[string]string{
		"SHA1":   "12345678901234567890",
		"SHA256": "12345678901234567890123456789012",
		"SHA512": "1234567890123456789012345678901234567890123456789012345678901234",
	}
	for _, v := range []struct {
		unix                 int64
		sha1, sha256, sha512 string
	}{
		{59, "94287082", "46119246", "90693936"},
		{1111111109, "07081804", "68084774", "25091201"},
		{1111111111, "14050471", "67062674", "99943326"},
		{1234567890, "89005924", "91819424", "93441116"},
		{2000000000, "69279037", "90698825", "38618901"},
		{20000000000, "65353130", "77737706", "47863826"},
	} {
		for alg, want := range map[string]string{"SHA1": v.sha1, "SHA256": v.sha256, "SHA512": v.sha512} {
			dev := &device{Algorithm: alg, Digits: 8}
			m, err := dev.match([]byte(seeds[alg]), want, time.Unix(v.unix, 0))
			if err != nil || m.Step != v.unix/30 {
				t.Errorf("%s at %d: %+v, %v", alg, v.unix, m, err)
			}
		}
	}
}

func TestAlgorithmRefused(t *testing.T) {
	for _, dev := range []device{{Algorithm: "MD5", Digits: 6}, {Algorithm: "sha1", Digits: 6}, {Algorithm: "", Digits: 6}, {Algorithm: "SHA1", Digits: 7}} {
		if _, err := dev.codeAt(make([]byte, 20), 1); !errors.Is(err, ErrInput) {
			t.Errorf("%s with %d digits: %v", dev.Algorithm, dev.Digits, err)
		}
	}
}

var seed = []byte("12345678901234567890")

// Whatever the drift: every code is good for thirty seconds, not one more.
func TestThirtySeconds(t *testing.T) {
	for _, drift := range []int64{0, 7, -299, 300} {
		dev := &device{Algorithm: "SHA1", Digits: 6, Drift: drift}
		step := int64(60_000_000)
		code, err := dev.codeAt(seed, step)
		if err != nil {
			t.Fatal(err)
		}
		good := 0
		for s := step*30 - 700; s < step*30+700; s++ {
			m, err := dev.match(seed, code, time.Unix(s, 0))
			if err != nil {
				t.Fatal(err)
			}
			if m.Step == step {
				good++
			}
		}
		if good != 30 {
			t.Errorf("drift %d: a code is good for %d s", drift, good)
		}
	}
}

// A device off by up to five minutes is refused twice or, where the window's
// edge is near, a few times more, and then right; two codes that do not agree
// about its clock teach nothing.
func TestLearn(t *testing.T) {
	start := time.Unix(1_800_000_013, 0)
	needed := map[int]int{}
	learned := func(off int64) bool {
		dev := &device{Algorithm: "SHA1", Digits: 6}
		for i := range 6 {
			now := start.Add(time.Duration(i) * 37 * time.Second)
			code, err := dev.codeAt(seed, floorDiv(now.Unix()+off, 30))
			if err != nil {
				t.Fatal(err)
			}
			m, err := dev.match(seed, code, now)
			if err != nil {
				t.Fatal(err)
			}
			if m.Step > 0 {
				dev.accept(m.Step, now)
				needed[i+1]++
				return i >= 2
			}
			if m.Miss > dev.LastStep {
				dev.learn(m.Miss, now)
			}
		}
		return false
	}
	for off := int64(-285); off <= 285; off++ {
		if off > -60 && off < 60 {
			continue // may fall into the window by itself
		}
		if !learned(off) {
			t.Errorf("a clock off by %d s is not learned", off)
		}
	}
	t.Logf("codes needed, by clocks: %v", needed)
	for _, off := range []int64{-600, 400, 86400} {
		if learned(off) {
			t.Errorf("a clock off by %d s is learned", off)
		}
	}
	dev := &device{Algorithm: "SHA1", Digits: 6}
	now := start
	dev.learn(dev.stepAt(now)-5, now)
	dev.learn(dev.stepAt(now.Add(40*time.Second))+4, now.Add(40*time.Second))
	if dev.Drift != 0 {
		t.Errorf("two codes that disagree moved the window by %d s", dev.Drift)
	}
	dev = &device{Algorithm: "SHA1", Digits: 6}
	dev.learn(dev.stepAt(now)-5, now)
	dev.learn(dev.stepAt(now)-5, now.Add(time.Second))
	if dev.Drift != 0 {
		t.Errorf("the same code twice moved the window by %d s", dev.Drift)
	}
}

// Learning never leaves ±5 min, and covers what was seen where that is possible.
func TestMeet(t *testing.T) {
	f := func(a, at, gap, off uint16, present int16) bool {
		t0 := int64(1_800_000_000) + int64(at)
		t1 := t0 + int64(gap%300)
		d := int64(off%601) - 300
		s0, s1 := floorDiv(t0+d, 30), floorDiv(t1+d, 30)
		got := meet(s0, t0, s1, t1, max(-300, min(300, int64(present))))
		return got >= -maxDrift && got <= maxDrift && floorDiv(t0+got, 30) == s0 && floorDiv(t1+got, 30) == s1
	}
	if err := quick.Check(f, &quick.Config{MaxCount: 20000}); err != nil {
		t.Error(err)
	}
}

// Two steps with the same code: the one in the window counts, once each.
func TestCollision(t *testing.T) {
	dev := &device{Algorithm: "SHA1", Digits: 6}
	codes := map[string]int64{}
	for step := int64(60_000_000); ; step++ { // the birthday of six digits is near
		code, err := dev.codeAt(seed, step)
		if err != nil {
			t.Fatal(err)
		}
		if other, seen := codes[code]; seen && step-other <= 10 {
			for _, s := range []int64{other, step} {
				if m, _ := dev.match(seed, code, time.Unix(s*30, 0)); m.Step != s {
					t.Errorf("step %d: %+v", s, m)
				}
			}
			return
		}
		codes[code] = step
		if step > 60_400_000 {
			t.Fatal("no two near steps with the same code")
		}
	}
}

func BenchmarkMatch(b *testing.B) {
	dev := &device{Algorithm: "SHA1", Digits: 6}
	for b.Loop() {
		if _, err := dev.match(seed, "000000", time.Unix(1_800_000_000, 0)); err != nil {
			b.Fatal(err)
		}
	}
}

func FuzzMatch(f *testing.F) {
	f.Add("123456", int64(0), int64(0))
	f.Add("１２３４５６", int64(1<<40), int64(-300))
	f.Fuzz(func(t *testing.T, code string, unix, drift int64) {
		dev := &device{Algorithm: "SHA1", Digits: 6, Drift: max(-300, min(300, drift))}
		m, err := dev.match(seed, code, time.Unix(unix%(1<<41), 0))
		if err != nil || m.Step > 0 && !dev.shaped(code) {
			t.Errorf("%+v, %v", m, err)
		}
	})
}

func FuzzReadPHC(f *testing.F) {
	f.Add("$argon2id$v=19$m=64,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
	f.Add("$argon2i$v=19$m=64,t=1,p=1$AAAA$AAAA")
	f.Fuzz(func(t *testing.T, phc string) {
		a, salt, key, err := readPHC(phc)
		if err == nil && (a.Passes == 0 || a.Threads == 0 || len(salt) < 8 || len(key) < 16 || len(key) > 64) {
			t.Errorf("%+v", a)
		}
	})
}

func TestCommon(t *testing.T) {
	c, err := readCommon()
	if err != nil {
		t.Fatal(err)
	}
	if len(c.known) < 40000 {
		t.Fatalf("%d passwords on the list", len(c.known))
	}
	for _, bad := range []string{"", "short", "elevenchars", "password1234!", "P@ssw0rd!!!!", "1234567890123", "aaaaaaaaaaaaaa", "abcabcabcabc", "qwertyuiop123", "ada.brooks12", "Iloveyou2026!!", "987654321098"} {
		if err := c.check(bad, "ada.brooks", "Ada Brooks"); !errors.Is(err, ErrWeak) {
			t.Errorf("%q is taken", bad)
		}
	}
	for _, good := range []string{"plum harbour lantern 9", "Солнце в январе", "七个不相关的词语组成一个密码", "azr4-fxaq-c23h-kzil", "correct plumber battery staple"} {
		if err := c.check(good, "ada.brooks", "Ada Brooks"); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
}
