package pii

import "strings"

// yucho finds accounts of Japan Post Bank: a sign of five digits that begins with 1 and ends with 0, and a number of
// two to eight digits that ends with 1. Nothing in it is checked, so that a word must name it.
func (p *probe) yucho(k int) int {
	if k+1 >= len(p.groups) || p.groups[k].len() != 5 {
		return 0
	}
	sign, number, n := p.groups[k], p.groups[k+1], 2
	if number.len() == 1 && k+2 < len(p.groups) { // the digit of a sign issued anew
		number, n = p.groups[k+2], 3
	}
	if !p.closes(k+n-1) || sign.sep == '/' || sign.sep == '.' {
		return 0
	}
	s, d := p.digits(sign.from, sign.to), p.digits(number.from, number.to)
	if !validYucho(s, d) || !p.is(Yucho, sign.from, number.to) {
		return 0
	}
	p.take(Yucho, sign.from, number.to, Certain, s+d)
	return n
}

// validYucho tells whether a sign (記号) and a number (番号) can be an account of Japan Post Bank.
func validYucho(sign, number string) bool {
	return len(sign) == 5 && sign[0] == '1' && sign[4] == '0' && len(number) >= 2 && len(number) <= 8 && number[len(number)-1] == '1'
}

// yuchoTransfer gives the branch, the type and the account under which other banks know a sign and number.
func yuchoTransfer(sign, number string) (branch, account string, ordinary bool) {
	if len(sign) != 5 || len(number) == 0 || len(number) > 8 {
		return "", "", false
	}
	if sign[0] == '1' {
		branch, account, ordinary = sign[1:3]+"8", number[:len(number)-1], true
	} else {
		branch, account = sign[1:3]+"9", number
	}
	if pad := 7 - len(account); pad > 0 {
		account = strings.Repeat("0", pad) + account
	}
	return branch, account, ordinary
}

// pension finds basic pension numbers, four digits and six. Their check is not published: a word must name them.
func (p *probe) pension(k int) int {
	n := 0
	switch {
	case p.shape(k, "- ", 4, 6):
		n = 2
	case p.shape(k, "", 10):
		n = 1
	default:
		return 0
	}
	from, to := p.groups[k].from, p.groups[k+n-1].to
	d := p.digits(from, to)
	if same(d) || !p.is(Pension, from, to) {
		return 0
	}
	p.take(Pension, from, to, Certain, d)
	return n
}

// insurer finds the numbers of health insurers: eight digits, six for the national insurance, with a check digit. In a
// column that names the insurance card any number of its length is likely.
func (p *probe) insurer(k int) int {
	g := p.groups[k]
	n := g.len()
	if n < 4 || n > 11 || !p.closes(k) || !p.is(HealthInsurance, g.from, g.to) {
		return 0
	}
	switch d := p.digits(g.from, g.to); {
	case same(d):
		return 0
	case (n == 6 || n == 8) && validInsurer(d):
		p.take(HealthInsurance, g.from, g.to, Certain, d)
	case p.column == HealthInsurance || p.ofInsured(g.from):
		p.take(HealthInsurance, g.from, g.to, Likely, d)
	default:
		return 0
	}
	return 1
}

// ofInsured tells whether the number is said to be that of the insured, whose check no one publishes.
func (p *probe) ofInsured(from int) bool {
	before := string(p.r[max(0, from-12):from])
	return strings.Contains(before, "保険証番号") || strings.Contains(before, "被保険者証") || strings.Contains(before, "記号")
}

// validInsurer tells whether six or eight digits are a health insurer's (保険者番号): modulo 10 of the sums of digits,
// weights 2 and 1 by turns from the lowest before the check digit.
func validInsurer(d string) bool {
	if len(d) != 6 && len(d) != 8 {
		return false
	}
	sum := 0
	for i := range len(d) - 1 {
		n := int(d[len(d)-2-i]-'0') * (2 - i%2)
		sum += n/10 + n%10
	}
	return int(d[len(d)-1]-'0') == (10-sum%10)%10
}

// account finds bank accounts: seven digits, perhaps behind bank and branch. Nothing is checked: a word must name them.
func (p *probe) account(k int) int {
	g := p.groups[k]
	switch {
	case g.len() == 7 && p.closes(k):
	case p.column == BankAccount && g.len() >= 4 && g.len() <= 8 && p.closes(k): // leading zeros get lost in spreadsheets
	default:
		return 0
	}
	d := p.digits(g.from, g.to)
	if same(d) || !p.is(BankAccount, g.from, g.to) {
		return 0
	}
	p.take(BankAccount, g.from, g.to, Certain, d)
	return 1
}
