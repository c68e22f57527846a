package seal_test

import (
	"bytes"
	"fmt"
	"testing"

	"sekimori/internal/kit/paper"
)

// oldPDF is a file of one page as programs wrote it in 1999, with more among its objects.
func oldPDF(more string) []byte {
	var b bytes.Buffer
	b.WriteString("%PDF-1.3\n%\xe2\xe3\xcf\xd3\n")
	text := "BT /F1 24 Tf 72 700 Td (A quotation \\(made up\\)) Tj ET"
	objects := []string{
		"<</Type/Catalog/Pages 2 0 R" + more + ">>",
		"<</Type/Pages/Kids[3 0 R]/Count 1>>",
		"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
		fmt.Sprintf("<</Length %d>>\nstream\n%s\nendstream", len(text), text),
		"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
		"<</Type/Sig/Filter/Adobe.PPKLite/SubFilter/adbe.pkcs7.detached/ByteRange[0 1 2 3]/Contents<00>>>",
		"<</Type/Annot/Subtype/Widget/Rect[0 0 0 0]/FT/Sig/T(a)/V 6 0 R>>",
	}
	var at []int
	for i, o := range objects {
		at = append(at, b.Len())
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", i+1, o)
		if more == "" && i == 4 {
			break
		}
	}
	start := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n", len(at)+1)
	for _, a := range at {
		fmt.Fprintf(&b, "%010d 00000 n \n", a)
	}
	fmt.Fprintf(&b, "trailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n", len(at)+1, start)
	return b.Bytes()
}

// signedPDF has a signature in it.
func signedPDF() []byte {
	return oldPDF("/AcroForm<</SigFlags 3/Fields[7 0 R]>>")
}

// labels is a file that this program made, with Japanese type in it.
func labels(t testing.TB) []byte {
	t.Helper()
	font, err := paper.LoadFont()
	if err != nil {
		t.Fatal(err)
	}
	sheets, err := paper.Sheets()
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if _, err := paper.Labels(&b, font, sheets[0], []paper.Label{{Code: "USB-000001", Number: "USB-000001", Kind: "USBメモリ", Owner: "架空商事", Found: "総務課まで"}}, paper.Print{}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
