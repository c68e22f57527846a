// Package manager runs the real server program for tests of the agent: with TLS by an
// authority of its own, in a network namespace, asked through its API. It needs what
// internal/testkit/netns needs.
package manager
