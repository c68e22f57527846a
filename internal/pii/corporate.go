package pii

// validCorporate tells whether thirteen digits are a corporate number (法人番号), which is no person's: the first digit
// is 9 less the weighted sum of the others modulo 9, weights 1 and 2 by turns from the lowest.
func validCorporate(d string) bool {
	if len(d) != 13 || d[0] == '0' {
		return false
	}
	sum := 0
	for n := 1; n <= 12; n++ {
		sum += int(d[13-n]-'0') * (2 - n%2)
	}
	return int(d[0]-'0') == 9-sum%9
}
