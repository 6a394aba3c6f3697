"""A bridge and the firewall rules of one private engine.

A private engine runs with `--iptables=false` on a separate bridge: two engines that both manage the firewall delete
each other's chains, and one started with `--bridge=none` deletes the other's `docker0`. What it needs to reach the
outside are the three rules below, added here and removed with the engine.
"""

from __future__ import annotations

import ipaddress
import json
from dataclasses import dataclass

from devkit.command import DevkitError, run, succeeds

_CANDIDATES = [f"10.{second}.0.0/16" for second in range(213, 254)]


@dataclass(frozen=True, kw_only=True, slots=True)
class Network:
    """The /16 of one engine: its bridge takes the lowest /24, networks that are created later the upper half."""

    bridge: str
    subnet: str

    @property
    def gateway(self) -> str:
        """The bridge's own address with its prefix length."""
        return str(ipaddress.ip_network(self.subnet).network_address + 1) + "/24"

    @property
    def address_pool(self) -> str:
        """The value of dockerd's `--default-address-pool`."""
        upper_half = list(ipaddress.ip_network(self.subnet).subnets())[1]
        return f"base={upper_half},size=24"


def free_subnet() -> str:
    """The first candidate that no route of this machine touches."""
    routes = json.loads(run(["ip", "-json", "-4", "route"]) or "[]")
    taken = [ipaddress.ip_network(route["dst"]) for route in routes if route.get("dst", "default") != "default"]
    for candidate in map(ipaddress.ip_network, _CANDIDATES):
        if not any(candidate.overlaps(network) for network in taken):
            return str(candidate)
    raise DevkitError(f"no subnet is free between {_CANDIDATES[0]} and {_CANDIDATES[-1]} for the engine's bridge")


def create(network: Network) -> None:
    """Bring the bridge up and let its containers out. Keeps existing settings."""
    if not succeeds(["ip", "link", "show", network.bridge]):
        run(["ip", "link", "add", network.bridge, "type", "bridge"])
    run(["ip", "address", "replace", network.gateway, "dev", network.bridge])
    run(["ip", "link", "set", network.bridge, "up"])
    for table, action, rule in _rules(network):
        if not succeeds(["iptables", "-w", "-t", table, "-C", *rule]):
            run(["iptables", "-w", "-t", table, action, *rule])


def remove(network: Network) -> None:
    """Remove the additions of `create`. Missing ones are not an error."""
    for table, _, rule in _rules(network):
        succeeds(["iptables", "-w", "-t", table, "-D", *rule])
    succeeds(["ip", "link", "delete", network.bridge])


def _rules(network: Network) -> list[tuple[str, str, list[str]]]:
    subnet = network.subnet
    return [
        ("nat", "-A", ["POSTROUTING", "-s", subnet, "!", "-d", subnet, "-j", "MASQUERADE"]),
        ("filter", "-I", ["FORWARD", "-s", subnet, "-j", "ACCEPT"]),
        ("filter", "-I", ["FORWARD", "-d", subnet, "-j", "ACCEPT"]),
    ]
