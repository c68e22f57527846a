package agentgw

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"sync"
)

// maxKeys bounds the memory of known keys.
const maxKeys = 65536

// keys remembers the keys of devices, which never change: a device's name is its key's
// hash. That a key was refused is news, which comes over Live; and because news may be
// late, every verb of the domain looks for itself.
type keys struct {
	mu    sync.Mutex
	known map[string]ed25519.PublicKey // guarded by mu
}

// has reports whether a device's key is at hand.
func (k *keys) has(device string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.known[device] != nil
}

// of gives a device's key, asking ask only for one that is not known yet.
func (k *keys) of(ctx context.Context, device string, ask func(context.Context, string) (ed25519.PublicKey, error)) (ed25519.PublicKey, error) {
	k.mu.Lock()
	key, ok := k.known[device]
	k.mu.Unlock()
	if ok {
		return key, nil
	}
	key, err := ask(ctx, device)
	if err != nil {
		return nil, fmt.Errorf("find key: %w", err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.known == nil || len(k.known) >= maxKeys {
		k.known = map[string]ed25519.PublicKey{}
	}
	k.known[device] = key
	return key, nil
}

// forget makes the next request of each device ask again; nil is every device.
func (k *keys) forget(subjects []string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if subjects == nil {
		clear(k.known)
	}
	for _, s := range subjects {
		delete(k.known, s)
	}
}
