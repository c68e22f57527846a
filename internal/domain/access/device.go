package access

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"sekimori/internal/kit/id"
)

// DeviceFor is how long a browser is known in which somebody has signed in. It signs nobody
// in: it says only whose tries are counted apart.
const DeviceFor = 180 * 24 * time.Hour

// maxDevices is how many people one browser is known for, such as at a counter.
const maxDevices = 5

// Remember gives what the browser of somebody who has just signed in keeps, until the given
// time; "" for who has no password. It proves itself, and nothing is stored: with another
// password it is worth nothing. It tells nobody whose it is.
func (s *Service) Remember(ctx context.Context, person string, from Origin) (devices string, until time.Time, err error) {
	a, has, err := s.store.AccountOf(ctx, person)
	if err != nil {
		return "", until, fmt.Errorf("load account: %w", err)
	}
	if !has || s.rules.Seal == nil {
		return "", until, nil
	}
	until = s.now().Add(DeviceFor)
	open := id.Secret(16) + "." + strconv.FormatInt(until.Unix(), 36)
	kept := slices.DeleteFunc(split(from.Devices), func(d string) bool { return s.recognise(a, d) != "" })
	kept = append([]string{open + "." + s.deviceSeal(a, open)}, kept...)
	return strings.Join(kept[:min(len(kept), maxDevices)], "~"), until, nil
}

// recognise names the device on which the account's owner has signed in; "" when none of
// them is. The same is computed whether there is such an account or not.
func (s *Service) recognise(a Account, devices string) string {
	if s.rules.Seal == nil {
		return ""
	}
	found := ""
	for _, d := range split(devices) {
		part := strings.Split(d, ".")
		if len(part) != 3 {
			continue
		}
		until, err := strconv.ParseInt(part[1], 36, 64)
		good := subtle.ConstantTimeCompare([]byte(part[2]), []byte(s.deviceSeal(a, part[0]+"."+part[1]))) == 1
		if err == nil && good && s.now().Unix() < until {
			found = part[0]
		}
	}
	return found
}

// split takes what a browser sent apart: a stranger's text.
func split(devices string) []string {
	if devices == "" || len(devices) > 200*maxDevices {
		return nil
	}
	all := strings.Split(devices, "~")
	return all[:min(len(all), maxDevices)]
}

// deviceSeal binds a device to the account as it is: its person and its password.
func (s *Service) deviceSeal(a Account, open string) string {
	sum := sha256.Sum256([]byte(a.Password))
	return s.rules.Seal("known device", open+"\n"+a.Person+"\n"+hex.EncodeToString(sum[:]))
}
