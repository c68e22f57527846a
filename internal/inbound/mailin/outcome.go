package mailin

// Outcome is what became of a mail, or of a connection that was turned away, for those who
// watch the server.
type Outcome string

// The outcomes.
const (
	Accepted Outcome = "accepted" // a report, or an addition to a case
	Repeated Outcome = "repeated" // was taken before
	Bounce   Outcome = "bounce"   // a mail of ours came back
	Dropped  Outcome = "dropped"  // the answer of a program, or the bounce of a mail that is not ours

	Elsewhere Outcome = "elsewhere" // refused: for an address that is not the intake's
	Loop      Outcome = "loop"      // refused: goes round in a circle
	Oversized Outcome = "oversized" // refused: larger than a mail may be, or its case has no room for it
	Malformed Outcome = "malformed" // refused: lines that end in a way that hides another mail
	Stranger  Outcome = "stranger"  // turned away: from a network that may not connect

	Limited Outcome = "limited" // put off: too many mails or connections
	Failed  Outcome = "failed"  // put off: could not be kept now
)

// Outcomes lists them all.
func Outcomes() []Outcome {
	return []Outcome{Accepted, Repeated, Bounce, Dropped, Elsewhere, Loop, Oversized, Malformed, Stranger, Limited, Failed}
}
