"""`make bench`: what the gateway costs, beside its peers, in one alternating run on this machine."""
