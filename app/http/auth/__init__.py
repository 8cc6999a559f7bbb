"""Authentication: bearer tokens, the issuer's keys, the actor, and the guards of routes."""
