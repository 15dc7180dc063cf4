"""What of the suite concerns connections that carry calls one after the other; the fixtures are ours (conftest.py)."""

import pytest
from vgi_rpc.conformance._pytest_suite import *  # noqa: F403

# The suite's own limit; marks of the modules its classes come from do not travel with the classes.
pytestmark = pytest.mark.timeout(5)
