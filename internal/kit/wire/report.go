package wire

// Infection is a report from the PC itself: of an infection, whose press has cut the PC
// off, or with a Kind, of anything; that one cuts nothing. Key makes its repeats one report.
type Infection struct {
	Key   string `json:"key"`
	Kind  string `json:"kind,omitempty"` // one of Kinds; "" for a press of "infected"
	At    Micros `json:"at"`             // when it was told or pressed, by the PC's clock
	Note  string `json:"note"`           // the person's words; may be empty
	Local int64  `json:"local"`          // the number of this press; 0 for a Kind
	User  string `json:"user"`           // the PC's account that told it: a claim
}

// Reported is the answer: the case's number.
type Reported struct {
	Label string `json:"label"`
	ID    string `json:"id"`
}

// Kinds are the ten kinds of reports by the names that the rules give them, what cannot
// wait first.
func Kinds() []string {
	return []string{"virus", "missent", "lost", "tampered", "odd_behaviour", "service_stopped", "malfunction", "rule_broken", "complaint", "near_miss"}
}
