"""Who acts: bearer tokens, the issuer's keys, and the guards of routes."""
