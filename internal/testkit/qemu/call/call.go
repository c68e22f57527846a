// Package call is what a test and the program inside its machine say to each other: one
// JSON value after another, over a serial port.
package call

// Port is the name of the serial port.
const Port = "sekimori.test"

// Request asks for a program to be run as root; Answer has the same ID.
type Request struct {
	ID   int      `json:"id"`
	Args []string `json:"args"`
	In   []byte   `json:"in,omitempty"` // its standard input
	File string   `json:"file,omitempty"`
	Mode uint32   `json:"mode,omitempty"` // with File: write In there, and run nothing
}

// Answer tells what came of a Request. The first one of each boot has ID 0.
type Answer struct {
	ID        int    `json:"id"`
	Out       string `json:"out,omitempty"`
	Complaint string `json:"complaint,omitempty"`
	Err       string `json:"err,omitempty"`
}
