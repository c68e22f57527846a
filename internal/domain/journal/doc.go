// Package journal is the one tamper-evident record of everything that happens.
//
// A change writes its event (Event, Row) in its own transaction and waits for
// nothing. One background Sealer later numbers the rows, adds them to a Merkle
// tree with RFC 6962 hashing and signs a Checkpoint over it, so that writers are
// never put in a queue behind the tree.
//
// The tree's leaf (Entry.Leaf) holds no personal data: only a salted commitment to
// the event's content. Content and salt lie beside the leaf and can be erased when
// their retention ends; every root and signature still verifies afterwards.
// That an entry was erased, and when, is therefore not covered by the tree: whoever
// erases should record an event that says so.
//
// Verify checks an exported journal without the server; VerifyStore checks the live
// one; CheckProof checks a single entry against a signed checkpoint.
package journal
