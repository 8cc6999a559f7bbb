"""What the tests share: databases, services, clients, models, and what they are compared with."""

import pkgutil
import sys

# An assertion that fails here shows both sides, as one in a test does. Processes that tests start know no pytest.
if pytest := sys.modules.get("pytest"):
    pytest.register_assert_rewrite(*(f"{__name__}.{module.name}" for module in pkgutil.iter_modules(__path__)))
