// Command desktop mounts what is plugged in as a desktop does for the person before it:
// at once, through udisks, whatever udisks does not say to leave alone.
package main

import (
	"fmt"
	"os"
	"slices"

	"github.com/godbus/dbus/v5"
)

const (
	udisks     = "org.freedesktop.UDisks2"
	block      = udisks + ".Block"
	filesystem = udisks + ".Filesystem"
)

func main() {
	if err := watch(); err != nil {
		fmt.Fprintln(os.Stderr, "desktop:", err)
		os.Exit(1)
	}
}

func watch() error {
	bus, err := dbus.ConnectSystemBus()
	if err != nil {
		return err
	}
	defer bus.Close()
	changes := make(chan *dbus.Signal, 256)
	bus.Signal(changes)
	if err := bus.AddMatchSignal(dbus.WithMatchSender(udisks)); err != nil {
		return err
	}
	for {
		if err := sweep(bus); err != nil {
			return err
		}
		if _, open := <-changes; !open {
			return nil
		}
	}
}

// sweep mounts every file system that is there.
func sweep(bus *dbus.Conn) error {
	var all map[dbus.ObjectPath]map[string]map[string]dbus.Variant
	err := bus.Object(udisks, "/org/freedesktop/UDisks2").Call("org.freedesktop.DBus.ObjectManager.GetManagedObjects", 0).Store(&all)
	if err != nil {
		return err
	}
	for path, is := range all {
		if is[filesystem] == nil || leftAlone(is[block]) || mounted(is[filesystem]) {
			continue
		}
		var at string
		err := bus.Object(udisks, path).Call(filesystem+".Mount", 0, map[string]dbus.Variant{"auth.no_user_interaction": dbus.MakeVariant(true)}).Store(&at)
		fmt.Println(path, at, err)
	}
	return nil
}

// leftAlone is what a desktop does not show: the system's own disks, and what a rule says.
func leftAlone(is map[string]dbus.Variant) bool {
	yes := func(name string) bool { v, ok := is[name].Value().(bool); return ok && v }
	return yes("HintIgnore") || yes("HintSystem")
}

func mounted(is map[string]dbus.Variant) bool {
	points, ok := is["MountPoints"].Value().([][]byte)
	return ok && slices.ContainsFunc(points, func(p []byte) bool { return len(p) > 0 })
}
