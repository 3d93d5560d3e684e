"""A report as text, and the bar that shows how far a simulation is."""

from __future__ import annotations

import sys
from datetime import timedelta

import pytest

from inngest_testkit import HistoryKind
from inngest_testkit.errors import MissingExtraError
from inngest_testkit.functions.flow_control import Throttle
from inngest_testkit.testing import traffic
from inngest_testkit.testing.traffic import progress
from inngest_testkit.testing.traffic.report import Report
from inngest_testkit.testing.traffic.tables import short

from .histories import Story, concurrency, flow
from .loads import GO, engine_of

#: Run r waits from 0 to 30 and executes to 50, run s waits from 50 to 100: the backlog is 1 in 80 of 100 seconds, and
#: the runs wait 30 and 50. Of the 200 seconds that ann may use, she uses 20; of 5 + 5 * 100 / 60 starts, there is 1.
TABLE = """\
1m40s from 2024-01-01 00:00:00, seed 7: 14 events came, 0 were sent by runs
drained in 1d6h
late: what waited longer than 10s

function  events  dropped  runs  begun  completed  failed  cancelled  open  late  throughput
import        14       12     2      1          1       0          0     1     2        36/h

function  time     mean  p50  p95  p99  max
import    waiting   40s  30s  50s  50s  50s
import    total     50s  50s  50s  50s  50s

function  load       mean  max  at end
import    backlog    0.80    1       1
import    held       0.30    1       0
import    executing  0.20    1       0

function  limit                               used  full  keys  busiest  busiest key
import    concurrency 2 per event.data.user  10.0%  0.0%     1    10.0%  ann
import    throttle 5 per 1m                   7.5%

function  dropped by  events  key
import    rate_limit       1  customer-0
import    rate_limit       1  customer-1
import    rate_limit       1  customer-2
import    rate_limit       1  customer-3
import    rate_limit       1  customer-4
import    rate_limit       1  customer-5
import    rate_limit       1  customer-6
import    rate_limit       1  customer-7
import    rate_limit       1  customer-8
import    rate_limit       1  customer-9
import    …                2  2 further keys
"""


def test_a_report_reads_as_aligned_tables():
    story = Story(
        late_after=10,
        **{
            "import": flow(
                concurrency(2, key="event.data.user"), throttle=Throttle(limit=5, period=timedelta(minutes=1))
            )
        },
    )
    story.created("r", user="ann").held("r", rule="throttle").at(30).started("r").begins("r", "a")
    story.at(50).ends("r", "a").over("r").created("s", user="bob")
    for key in range(12):
        story.tell(HistoryKind.EVENT_DROPPED, rule="rate_limit", key=f"customer-{key}", function_id="import")
    story.figures()
    report = Report(
        started_at=story.begin,
        until=story.begin + timedelta(seconds=100),
        drained_at=story.begin + timedelta(hours=30),
        seed=7,
        events=14,
        sent=0,
        late_after=timedelta(seconds=10),
        functions=story.all,
        why_nothing="",
    )
    assert report.table() + "\n" == TABLE


@pytest.mark.parametrize(
    ("span", "text"),
    [
        ({}, "0s"),
        ({"microseconds": 1500}, "1ms500us"),
        ({"milliseconds": 350}, "350ms"),
        ({"seconds": 1}, "1s"),
        ({"seconds": 12.34}, "12.3s"),
        ({"seconds": 59.97}, "1m"),
        ({"seconds": 200}, "3m20s"),
        ({"seconds": 3599.9}, "1h"),
        ({"hours": 2, "minutes": 14, "seconds": 31}, "2h15m"),
        ({"days": 2, "hours": 3, "minutes": 31}, "2d4h"),
        ({"days": 30}, "30d"),
    ],
)
def test_spans_are_short(span, text):
    assert short(timedelta(**span)) == text


def test_no_bar_is_shown_without_a_terminal(capfd):
    traffic.simulate(engine_of(), traffic.constant(GO, "1/m"), until="1h")
    assert capfd.readouterr() == ("", "")


def test_a_bar_is_shown_when_asked_for(capfd, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setattr(progress, "_EVERY", timedelta())
    monkeypatch.setattr(progress, "_ENTRIES", 1)
    traffic.simulate(engine_of(), traffic.constant(GO, "1/m"), until="1h", progress=True)
    out, err = capfd.readouterr()
    assert out == ""
    assert "simulating" in err
    assert "60 events, 0 open runs" in err


def test_a_bar_needs_an_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "rich.progress", None)
    with pytest.raises(MissingExtraError, match=r"a progress bar needs the extra \[cli\]"):
        traffic.simulate(engine_of(), until="1h", progress=True)
    assert traffic.simulate(engine_of(), until="1h").events == 0


def test_importing_it_is_light():
    import subprocess

    code = (
        "import sys, inngest_testkit.testing.traffic; "
        "print([m for m in ('hypothesis', 'rich', 'inngest', 'pytest') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
