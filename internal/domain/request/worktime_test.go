package request

import (
	"testing"
	"time"

	"sekimori/internal/kit/jpcal"
)

func TestAfterWork(t *testing.T) {
	t.Parallel()
	jst := time.FixedZone("JST", 9*60*60)
	cal := jpcal.New(jst, jpcal.Options{})
	const day = 24 * time.Hour
	for _, tc := range []struct {
		from string
		d    time.Duration
		want string
	}{
		{"2026-11-16 12:00", 0, "2026-11-16 12:00"},
		{"2026-11-16 12:00", day, "2026-11-17 12:00"},
		{"2026-11-16 23:59", 2 * time.Minute, "2026-11-17 00:01"},
		{"2026-11-20 15:00", day, "2026-11-24 15:00"},           // Friday; then a weekend and a holiday
		{"2026-11-20 15:00", 9 * time.Hour, "2026-11-24 00:00"}, // to the very end of Friday
		{"2026-11-21 15:00", time.Hour, "2026-11-24 01:00"},     // asked on a Saturday
		{"2026-12-28 12:00", 2 * day, "2027-01-05 12:00"},       // the year's end
		{"2026-11-16 12:00", 10 * day, "2026-12-01 12:00"},
	} {
		from, err := time.ParseInLocation("2006-01-02 15:04", tc.from, jst)
		if err != nil {
			t.Fatal(err)
		}
		if got := afterWork(cal, from, tc.d); got.In(jst).Format("2006-01-02 15:04") != tc.want || got.Location() != time.UTC {
			t.Errorf("%s and %v is %v, want %s", tc.from, tc.d, got.In(jst), tc.want)
		}
	}
}
