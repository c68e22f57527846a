// Package endpoint tests the isolation of PCs with the real programs in network
// namespaces: the server, the agent, an attacker, a file server and a name service, in
// IPv4 and IPv6. Most of it needs Linux and root.
package endpoint
