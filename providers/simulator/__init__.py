"""Serves dialects' routes on a loopback port: a good vendor, or as bad a one as is asked for.

Nothing here knows campaigns, models or a database.
"""

from providers.simulator.behaviour import Behaviour
from providers.simulator.faults import FAULTS
from providers.simulator.plan import FaultPlan, read_plan
from providers.simulator.server import open_server
from providers.simulator.simulator import Simulator

__all__ = ["FAULTS", "Behaviour", "FaultPlan", "Simulator", "open_server", "read_plan"]
