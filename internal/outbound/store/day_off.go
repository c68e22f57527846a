package store

import (
	"context"

	"sekimori/internal/domain/notice"
	"sekimori/internal/kit/jpcal"
)

// SaveDayOff keeps a day off; one without a name is forgotten.
func (t *txn) SaveDayOff(_ context.Context, d notice.DayOff) error {
	if d.Name == "" {
		return t.exec("DELETE FROM ntc_day_off WHERE day = $1", d.Day.String())
	}
	return t.exec(`INSERT INTO ntc_day_off (day, name, set_by, at) VALUES ($1, $2, $3, $4)
		ON CONFLICT (day) DO UPDATE SET name = excluded.name, set_by = excluded.set_by, at = excluded.at`,
		d.Day.String(), d.Name, d.By, micros(d.At))
}

// DaysOff lists the company's own days off, by day.
func (db *DB) DaysOff(ctx context.Context) ([]notice.DayOff, error) {
	return all(ctx, db.read, func(r scanner) (d notice.DayOff, err error) {
		var day string
		var when int64
		if err = r.Scan(&day, &d.Name, &d.By, &when); err != nil {
			return d, err
		}
		d.At = at(when)
		d.Day, err = jpcal.ParseDate(day)
		return d, err
	}, "SELECT day, name, set_by, at FROM ntc_day_off ORDER BY day")
}
