package host

import (
	"testing"

	"sekimori/internal/testkit/wine"
)

func TestUnderWine(t *testing.T) {
	t.Parallel()
	wine.Test(t, "sekimori/internal/agent/host")
}
