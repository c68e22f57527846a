package pii

// validLicence tells whether twelve digits are a driver's licence number (運転免許証番号): two digits of the prefecture,
// eight more, a check digit by modulo 11, and how often it was issued again.
func validLicence(d string, prefectures *[100]bool) bool {
	if len(d) != 12 || same(d) || !prefectures[int(d[0]-'0')*10+int(d[1]-'0')] {
		return false
	}
	sum := 0
	for i, w := range [...]int{5, 4, 3, 2, 7, 6, 5, 4, 3, 2} {
		sum += int(d[i]-'0') * w
	}
	return int(d[10]-'0') == (11-sum%11)%10
}
