//go:build !linux

package main

func prepare() {}

func unable() string {
	return "この実演にはLinuxが必要です。 / This needs Linux: it is shown in network namespaces."
}

func show(bool) int { return 1 }
