package sheet

import "sekimori/internal/kit/fault"

// Chosen gives the encoding that a request's enc asks for: "utf8", the default, or
// "sjis". Anything else is a fault of the field enc.
func Chosen(enc string) (Encoding, error) {
	switch enc {
	case "", "utf8":
		return UTF8BOM, nil
	case "sjis":
		return CP932, nil
	}
	var c fault.Check
	c.Add("enc", "fault.unknown_choice", nil)
	return "", c.Err()
}

// Type is the media type of a table in the encoding.
func (e Encoding) Type() string {
	if e == CP932 {
		return "text/csv; charset=Shift_JIS"
	}
	return "text/csv; charset=utf-8"
}
