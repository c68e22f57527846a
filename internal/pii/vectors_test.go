package pii

import "testing"

func testFacts(t testing.TB) *facts {
	t.Helper()
	f, err := newFacts()
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestMyNumber(t *testing.T) {
	for _, d := range []string{"983205673214", "621498320257", "123456789018", "314159265352", "987654321093", "100000000080",
		"100000000030", "200000000000", "271828182840", "100000000099", "100000000021"} {
		if !validMyNumber(d) {
			t.Errorf("%s is refused", d)
		}
	}
	for _, d := range []string{"983205673210", "621498320258", "111111111118x", "000000000000", "12345678901", "1234567890123"} {
		if validMyNumber(d) {
			t.Errorf("%s is taken", d)
		}
	}
	if !testFacts(t).sample(MyNumber, "111111111118") {
		t.Error("eleven ones and their check digit are no sample")
	}
}

func TestCorporateNumber(t *testing.T) {
	for _, d := range []string{"7000012050002", "1180301018771", "5835678256246", "8700110005901", "7123456789012", "9000000000000"} {
		if !validCorporate(d) {
			t.Errorf("%s is refused", d)
		}
	}
	for _, d := range []string{"8000012050002", "1180301018772", "0180301018771", "700001205000"} {
		if validCorporate(d) {
			t.Errorf("%s is taken", d)
		}
	}
}

func TestLicence(t *testing.T) {
	f := testFacts(t)
	for _, d := range []string{"309012345620", "302600000010", "302600000600", "302600000190", "302600000510"} {
		if !validLicence(d, &f.licences) {
			t.Errorf("%s is refused", d)
		}
	}
	for _, d := range []string{"309212345610", "319012345620", "999012345620"} {
		if validLicence(d, &f.licences) {
			t.Errorf("%s is taken", d)
		}
	}
}

func TestInsurer(t *testing.T) {
	for _, d := range []string{"33120015", "06130140", "34130013", "138016"} {
		if !validInsurer(d) {
			t.Errorf("%s is refused", d)
		}
	}
	for _, d := range []string{"33120016", "06130141", "138017", "1380166"} {
		if validInsurer(d) {
			t.Errorf("%s is taken", d)
		}
	}
}

func TestYucho(t *testing.T) {
	for _, c := range []struct {
		sign, number, branch, account string
		ordinary                      bool
	}{
		{"10530", "12345671", "058", "1234567", true}, {"12345", "12345671", "238", "1234567", true},
		{"00530", "123456", "059", "0123456", false},
	} {
		branch, account, ordinary := yuchoTransfer(c.sign, c.number)
		if branch != c.branch || account != c.account || ordinary != c.ordinary {
			t.Errorf("%s-%s: %s %s %v", c.sign, c.number, branch, account, ordinary)
		}
	}
	if !validYucho("10530", "12345671") || validYucho("12345", "12345671") || validYucho("10530", "12345672") {
		t.Error("the structure of a sign and number is not kept")
	}
}

func TestLuhn(t *testing.T) {
	f := testFacts(t)
	for _, d := range []string{"4111111111111111", "5555555555554444", "378282246310005", "3530111333300000", "30569309025904",
		"6011111111111117", "2223003122003222"} {
		if !luhn(d) || !f.validCard(d) {
			t.Errorf("%s is refused", d)
		}
	}
	for _, d := range []string{"4111111111111112", "0000000000000000", "9111111111111111", "41111111111"} {
		if f.validCard(d) {
			t.Errorf("%s is taken", d)
		}
	}
}

func TestZone(t *testing.T) {
	z := []byte("TR12345672JPN0001018M2501017<<<<<<<<<<<<<<08")
	if !validZone(z) {
		t.Error("a right zone is refused")
	}
	for _, i := range []int{0, 1, 8, 9, 13, 19, 21, 27, 42, 43} {
		wrong := append([]byte(nil), z...)
		if wrong[i]++; validZone(wrong) {
			t.Errorf("the zone with a wrong byte %d is taken", i)
		}
	}
}

func TestPhone(t *testing.T) {
	for _, d := range []string{"09012345678", "08012345678", "07012345678", "06012345678", "05012345678", "0312345678", "0612345678",
		"0111234567", "0451234567", "0123456789"} {
		if ok, _ := validPhone(d); !ok {
			t.Errorf("%s is refused", d)
		}
	}
	for _, d := range []string{"09001234567", "0012345678", "0120123456", "08001234567", "0800123456", "0570123456", "0990123456",
		"02012345678", "1234567890", "012345678"} {
		if ok, _ := validPhone(d); ok {
			t.Errorf("%s is taken", d)
		}
	}
}

func TestEras(t *testing.T) {
	f := testFacts(t)
	p := probe{facts: f, charsets: newCharsets()}
	for _, c := range []struct {
		text             string
		year, month, day int
		sure             bool
	}{
		{"平成31年4月30日", 2019, 4, 30, true}, {"令和元年5月1日", 2019, 5, 1, true}, {"昭和64年1月7日", 1989, 1, 7, true},
		{"平成元年1月8日", 1989, 1, 8, true}, {"大正15年12月24日", 1926, 12, 24, true}, {"昭和元年12月25日", 1926, 12, 25, true},
		{"令和8年11月22日", 2026, 11, 22, true}, {"平成31年5月1日", 2019, 5, 1, false}, {"昭和64年1月8日", 1989, 1, 8, false},
		{"令和元年4月30日", 2019, 4, 30, false}, {"平成32年4月1日", 2020, 4, 1, false}, {"S50.4.1", 1975, 4, 1, true},
		{"H2/1/3", 1990, 1, 3, true}, {"1990-01-02", 1990, 1, 2, true}, {"1990年1月2日", 1990, 1, 2, true}, {"19900102", 1990, 1, 2, true},
		{"平成 2年 1月 3日", 1990, 1, 3, true}, {"1990/1/2", 1990, 1, 2, true},
	} {
		p.charsets.normalise([]byte(c.text), UTF8, &p.line)
		d, end, ok := p.date(0)
		if !ok || end != len(p.r) || d != (date{c.year, c.month, c.day, c.sure}) {
			t.Errorf("%s: %v, end %d, ok %v", c.text, d, end, ok)
		}
	}
	for _, s := range []string{"1990-02-30", "1990-13-01", "平成0年13月1日", "2001年2月29日", "199001", "1990-1/2年"} {
		p.charsets.normalise([]byte(s), UTF8, &p.line)
		if d, end, ok := p.date(0); ok && end == len(p.r) {
			t.Errorf("%s is taken as %v", s, d)
		}
	}
}
