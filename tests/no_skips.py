"""A pytest plugin for CI (`-p tests.no_skips`): a test that was skipped or expected to fail fails the run."""

import pytest


def _left_out(config) -> int:
    reporter = config.pluginmanager.get_plugin("terminalreporter")  # none in the workers of a parallel run
    stats = reporter.stats if reporter else {}
    return sum(len(stats.get(kind, ())) for kind in ("skipped", "xfailed", "xpassed", "deselected"))


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session):
    if _left_out(session.config) and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter, config):
    if _left_out(config):
        terminalreporter.section("In CI every test must run: see the skipped ones above", red=True)
