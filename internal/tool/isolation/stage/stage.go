// Package stage is a small company in network namespaces, played by the real programs: a
// management server with its own certificate authority, PCs with the agent, a file
// server, a name service and an attacker, all on one switch and each with an IPv4 and an
// IPv6 address out of the ranges for documentation.
//
// It needs Linux and root, for the namespaces and for PCs that see nothing of this
// machine's services: an agent that is to be watched must not switch this machine's
// Wi-Fi off.
package stage

import "time"

// Patience is how long something that must happen may take before it counts as not
// happening.
const Patience = 60 * time.Second

// Host is the management server's name, which only the company's own name service knows.
const Host = "sekimori.example"

// Port is where the management server listens.
const Port = 8443

// URL is the management server's, as PCs and browsers in the company know it.
const URL = "https://sekimori.example:8443"

// Addresses of the machines.
const (
	Management4, Management6 = "192.0.2.8", "2001:db8:1::8"
	Names4, Names6           = "192.0.2.53", "2001:db8:1::53"
	Files4, Files6           = "192.0.2.20", "2001:db8:1::20"
	Attacker4, Attacker6     = "192.0.2.30", "2001:db8:1::30"
	PC4, PC6                 = "192.0.2.10", "2001:db8:1::10"
	OtherPC4, OtherPC6       = "192.0.2.11", "2001:db8:1::11"
)
