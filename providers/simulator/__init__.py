"""Serves dialects' routes on a loopback port and behaves as a good vendor does.

Nothing here knows campaigns, models or a database.
"""

from providers.simulator.behaviour import Behaviour
from providers.simulator.server import Simulator, open_server

__all__ = ["Behaviour", "Simulator", "open_server"]
