package work

import (
	"errors"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

func enough(Done) bool { return true }

func TestWorkIsTakenOnce(t *testing.T) {
	t.Parallel()
	m, now := NewMint([]byte("a"), time.Hour, 100), time.Unix(1_800_000_000, 0)
	c := m.Challenge(now, 8)
	answer, ok := Solve(c)
	if !ok {
		t.Fatal("not solved")
	}
	var got Done
	if err := m.Check(now.Add(time.Minute), c, answer, func(d Done) bool { got = d; return false }); !errors.Is(err, ErrWrong) {
		t.Errorf("work that is not enough: %v", err)
	}
	if got.Bits != 8 || !got.At.Equal(now) {
		t.Errorf("asked %+v", got)
	}
	var wait sync.WaitGroup
	errs := make(chan error, 20)
	for range 20 {
		wait.Go(func() { errs <- m.Check(now, c, answer, enough) })
	}
	wait.Wait()
	close(errs)
	taken := 0
	for err := range errs {
		switch {
		case err == nil:
			taken++
		case !errors.Is(err, ErrSpent):
			t.Error(err)
		}
	}
	if taken != 1 {
		t.Errorf("taken %d times", taken)
	}
}

// Two servers of one key take each other's challenges.
func TestWorkOfAnotherServer(t *testing.T) {
	t.Parallel()
	m, other, now := NewMint([]byte("a"), time.Hour, 100), NewMint([]byte("a"), time.Hour, 100), time.Unix(1_800_000_000, 0)
	c := m.Challenge(now, 8)
	answer, _ := Solve(c)
	if err := other.Check(now, c, answer, enough); err != nil {
		t.Error(err)
	}
}

func TestWorkRefused(t *testing.T) {
	t.Parallel()
	m, other, now := NewMint([]byte("a"), time.Hour, 100), NewMint([]byte("b"), time.Hour, 100), time.Unix(1_800_000_000, 0)
	c := m.Challenge(now, 8)
	answer, _ := Solve(c)
	wrong := 0
	for Fits(c[strings.LastIndexByte(c, '.')+1:], strconv.Itoa(wrong), 8) {
		wrong++
	}
	easier := strings.Replace(c, ".8.", ".1.", 1)
	for name, x := range map[string]struct {
		mint              *Mint
		challenge, answer string
		at                time.Time
		want              error
	}{
		"another server's": {other, c, answer, now, ErrForged},
		"made easier":      {m, easier, answer, now, ErrForged},
		"empty":            {m, "", "", now, ErrForged},
		"dots":             {m, "....", "1", now, ErrForged},
		"long":             {m, strings.Repeat("9", 10_000), "1", now, ErrForged},
		"late":             {m, c, answer, now.Add(61 * time.Minute), ErrLate},
		"from the future":  {m, c, answer, now.Add(-2 * time.Minute), ErrLate},
		"no number":        {m, c, "0x1f", now, ErrWrong},
		"no answer":        {m, c, "", now, ErrWrong},
		"a sign":           {m, c, "-" + answer, now, ErrWrong},
		"too long":         {m, c, strings.Repeat("1", 16), now, ErrWrong},
		"wrong":            {m, c, strconv.Itoa(wrong), now, ErrWrong},
	} {
		if err := x.mint.Check(x.at, x.challenge, x.answer, enough); !errors.Is(err, x.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := m.Check(now, c, answer, enough); err != nil {
		t.Errorf("after all that: %v", err)
	}
}

func TestSpentWorkIsForgotten(t *testing.T) {
	t.Parallel()
	m, now := NewMint([]byte("a"), time.Hour, 2), time.Unix(1_800_000_000, 0)
	give := func(at time.Time) error {
		c := m.Challenge(at, 1)
		answer, _ := Solve(c)
		return m.Check(at, c, answer, enough)
	}
	if err := errors.Join(give(now), give(now)); err != nil {
		t.Fatal(err)
	}
	if err := give(now); !errors.Is(err, ErrTooMany) {
		t.Errorf("a third: %v", err)
	}
	if err := give(now.Add(2 * time.Hour)); err != nil {
		t.Errorf("later: %v", err)
	}
}

func FuzzCheck(f *testing.F) {
	m, now := NewMint([]byte("a"), time.Hour, 1000), time.Unix(1_800_000_000, 0)
	f.Add(m.Challenge(now, 3), "17")
	f.Add("v1.1.1.1.1", "0")
	f.Add("....", "")
	f.Fuzz(func(t *testing.T, challenge, answer string) {
		if err := m.Check(now, challenge, answer, enough); err == nil && !strings.HasPrefix(challenge, "v1.") {
			t.Errorf("%q was taken", challenge)
		}
	})
}
