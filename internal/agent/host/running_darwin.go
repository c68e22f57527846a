package host

// sinceBoot is CLOCK_MONOTONIC of <time.h>, which counts sleep there.
const sinceBoot = 6
