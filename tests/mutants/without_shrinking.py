"""A plugin of pytest: hypothesis stops at the first failing example, because a planted fault needs no smallest one."""

from hypothesis import Phase, settings


def pytest_sessionstart() -> None:
    """After the conftest, whose profile this one extends, and before the modules that use it."""
    settings.register_profile(
        "mutants", settings(), database=None, phases=(Phase.explicit, Phase.generate), deadline=None
    )
    settings.load_profile("mutants")
