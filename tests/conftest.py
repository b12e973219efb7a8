"""Lists the fixture plugins, nothing more."""

pytest_plugins = [
    "tests.fixtures.database",
    "tests.fixtures.server",
    "tests.fixtures.shim",
    "tests.fixtures.upstream",
]
