"""Gateways that take one device per call, on a loopback port of their own: HTTP/2 over TLS."""

from providers.simulator.gateways.server import STREAMS, GatewayServer, open_gateways

__all__ = ["STREAMS", "GatewayServer", "open_gateways"]
