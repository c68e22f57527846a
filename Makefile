# Every command of the project. The work itself is done by small Go programs in internal/tool.

.PHONY: help demo demo-isolate test test-short test-vm bench notices deb pictures

help: ## show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1	\2/p' Makefile

demo: ## start the server with a made-up company on this machine
	go run ./cmd/sekimori demo

demo-isolate: ## as root on Linux: show a PC being cut off, in networks of its own
	go run ./internal/tool/isolation

test: ## run every test and check; as root on Debian it installs what is missing
	go run ./internal/tool/check

test-short: ## run what needs nothing but Go
	go run ./internal/tool/check -short

test-vm: ## isolate a PC that is an emulated machine; needs root and QEMU, takes some minutes
	go run ./internal/tool/check -only "parts of"
	go run ./internal/tool/check -only vm

bench: ## run the benchmarks; docs/performance.md tells how to read them
	go run ./test/load/bench

notices: ## write THIRD_PARTY_NOTICES anew
	go run ./internal/tool/notices

deb: ## build the Debian package of the server into dist
	go run ./internal/tool/deb

pictures: ## take pictures of every page in both languages; docs/pictures holds the chosen ones
	go test ./test/browser -count=1 -run Sound -pictures $(CURDIR)/docs/pictures/all
