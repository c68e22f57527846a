package pii

// validMyNumber tells whether twelve digits are an individual number (個人番号), by the check digit of the ministerial
// order under the My Number Act: with P the digits from the lowest of the eleven up, and Q 2 to 7 and 2 to 6, the sum
// of P×Q modulo 11; the check digit is 11 less that, and 0 where it is 0 or 1. Numbers of one digit only are refused.
func validMyNumber(d string) bool {
	if len(d) != 12 || same(d) {
		return false
	}
	sum := 0
	for i, w := range [...]int{6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2} {
		sum += int(d[i]-'0') * w
	}
	check := 0
	if r := sum % 11; r > 1 {
		check = 11 - r
	}
	return int(d[11]-'0') == check
}
