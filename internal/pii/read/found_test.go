package read

import (
	"bytes"
	"testing"

	"sekimori/internal/pii"
)

// TestFound: what readers hand on is what detectors understand. The list names two people, whatever program wrote it.
func TestFound(t *testing.T) {
	detector, err := pii.New(pii.Options{Samples: true})
	if err != nil {
		t.Fatal(err)
	}
	c := newChild(t, nil)
	db := makeDB(t, "UTF-16le", "CREATE TABLE 顧客 (氏名 TEXT, 電話番号 TEXT, 生年月日 TEXT)",
		"INSERT INTO 顧客 VALUES ('山本 花乃', '03-0000-0101', '1984-05-06'), ('佐久間 一太', '06-0000-0102', '1979-11-23')")
	for name, data := range map[string][]byte{
		"list.xlsx": fixture(t, "list.xlsx"), "list.xls": fixture(t, "list.xls"), "list.ods": fixture(t, "list.ods"),
		"d.tgz": makeGzip(t, makeTar(t, "list.xlsx", string(fixture(t, "list.xlsx")))), "list.db": db,
	} {
		session := detector.Open()
		if _, err := c.File(t.Context(), bytes.NewReader(data), name, Limits{}, session); err != nil {
			t.Fatal(err)
		}
		got := session.Result()
		if got.People != 2 || got.CountedBy != pii.ByRows || got.Counts[pii.Name].Sure() < 2 || got.Counts[pii.Phone].Sure() < 1 || got.Counts[pii.BirthDate].Sure() != 2 {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
