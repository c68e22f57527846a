package directory_test

import (
	"fmt"
	"maps"
	"testing"
	"time"

	"sekimori/internal/domain/directory"
)

func TestUnits(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 20, 3, 0, 0, 0, time.UTC)
	o := &directory.Org{People: map[string]directory.Person{}, Departments: map[string]directory.Department{}}
	add := func(id, parent string, people, left int) {
		o.Departments[id] = directory.Department{ID: id, Code: id, Parent: parent}
		for n := range people {
			p := directory.Person{ID: fmt.Sprint(id, n), Department: id}
			if n < left {
				p.Left = now.AddDate(0, -1, 0)
			}
			o.People[p.ID] = p
		}
	}
	add("whole", "", 1, 0)
	add("large", "whole", 5, 0)
	add("left", "whole", 6, 2)  // four of them still work here
	add("three", "large", 3, 0) // stands with large
	add("both", "whole", 2, 0)  // large enough with those below
	add("below", "both", 3, 0)  //
	add("deep", "below", 1, 0)  // two steps up
	add("own", "left", 5, 0)    // larger than what is above it
	add("empty", "own", 0, 0)   //
	add("apart", "", 2, 0)      // a root of its own, too small
	add("under apart", "apart", 1, 0)
	want := map[string]string{"whole": "whole", "large": "large", "left": "whole", "three": "large", "both": "both", "below": "both", "deep": "both",
		"own": "", "empty": "", "apart": "", "under apart": ""} // three apart: the smallest large one hides them
	if got := o.Units(now, 5); !maps.Equal(got, want) {
		t.Errorf("units %v\nwant  %v", got, want)
	}
	var large []string
	for _, d := range o.LargeUnits(now, 5) {
		large = append(large, d.ID)
	}
	if got := fmt.Sprint(large); got != "[both large whole]" {
		t.Errorf("large units %v", got)
	}
	add("apart too", "apart", 2, 0) // five hide themselves
	want["own"], want["empty"], want["apart"], want["under apart"], want["apart too"] = "own", "own", "apart", "apart", "apart"
	if got := o.Units(now, 5); !maps.Equal(got, want) {
		t.Errorf("units %v\nwant  %v", got, want)
	}
}
