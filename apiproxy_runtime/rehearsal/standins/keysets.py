"""Addresses that VerifyJWT and VerifyJWS fetch public keys from: they answer with the stand-in keys."""

from __future__ import annotations

from apiproxy_runtime.rehearsal.generate.signing import key_set_address
from apiproxy_runtime.rehearsal.standins.asked import Asked, StandIns


def make(asked: Asked, made: StandIns) -> None:
    """An answer is no file of the environment: it is recorded with the cases that fetch it."""
    found = (key_set_address(policy, asked.origins) for policy in asked.policies("VerifyJWT", "VerifyJWS"))
    addresses = [address for address in dict.fromkeys(found) if address]
    made.key_sets.extend(addresses)
    made.told.extend(f"the keys at {address}" for address in addresses)
