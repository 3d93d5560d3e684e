"""Load on virtual time: streams of events, what steps take, and what becomes of it all.

::

    from inngest_testkit.testing import traffic

    def test_the_monday_import_is_done_by_noon(inngest_engine):
        inngest_engine.register(IMPORT)
        report = traffic.simulate(
            inngest_engine,
            traffic.bursts("contact/uploaded", 500, start="9h"),
            traffic.poisson("contact/uploaded", "20/h"),
            takes={"import": traffic.lognormal(median="2s", sigma=0.5)},
            until="12h",
        )
        print(report.table())
        assert report.functions["import"].waiting.p95 < timedelta(hours=2)
        assert report.functions["import"].backlog.at_end == 0

The same engine seed gives the same events, the same spans and the same report.
"""

from __future__ import annotations

from inngest_testkit.drivers.takes import Distribution, Takes
from inngest_testkit.testing.traffic.drawn import streams
from inngest_testkit.testing.traffic.gauges import Series
from inngest_testkit.testing.traffic.limits import LimitUse
from inngest_testkit.testing.traffic.rates import Rate
from inngest_testkit.testing.traffic.report import Dropped, FunctionFigures, Functions, Report
from inngest_testkit.testing.traffic.simulation import simulate
from inngest_testkit.testing.traffic.spans import exponential, lognormal, normal, sampled, uniform
from inngest_testkit.testing.traffic.streams import Stream, at, bursts, constant, poisson
from inngest_testkit.testing.traffic.tallies import Percentiles

__all__ = [
    "Distribution",
    "Dropped",
    "FunctionFigures",
    "Functions",
    "LimitUse",
    "Percentiles",
    "Rate",
    "Report",
    "Series",
    "Stream",
    "Takes",
    "at",
    "bursts",
    "constant",
    "exponential",
    "lognormal",
    "normal",
    "poisson",
    "sampled",
    "simulate",
    "streams",
    "uniform",
]
