/* Go's runtime takes its randomness from ProcessPrng of bcryptprimitives.dll, a library
   that older versions of Wine do not have. This one is enough for it: it passes the call
   on to RtlGenRandom, whose exported name is SystemFunction036. */

__declspec(dllimport) unsigned char SystemFunction036(void *to, unsigned long n);

__declspec(dllexport) int ProcessPrng(unsigned char *to, unsigned long long n)
{
	while (n > 0) {
		unsigned long part = n > 0x40000000 ? 0x40000000 : (unsigned long)n;
		if (!SystemFunction036(to, part))
			return 0;
		to += part;
		n -= part;
	}
	return 1;
}
