package directory_test

import (
	"testing"

	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/directory/directorytest"
)

func TestHeadOf(t *testing.T) {
	t.Parallel()
	o := directorytest.Company()
	for department, want := range map[string]string{"d_hq": "per_pres", "d_sales": "per_sales", "d_sales1": "per_sales", "d_none": "", "": ""} {
		if got := o.HeadOf(department); got != want {
			t.Errorf("%s is led by %q, want %q", department, got, want)
		}
	}
	// A circle of departments without a head ends.
	o.Departments = map[string]directory.Department{"a": {ID: "a", Parent: "b"}, "b": {ID: "b", Parent: "a"}}
	if got := o.HeadOf("a"); got != "" {
		t.Errorf("a circle is led by %q", got)
	}
}
