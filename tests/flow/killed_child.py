"""A process to be killed: takes reports and carries enforcements out, and says each one that it acknowledged.

    python killed_child.py URL NUMBER

Prints ``report ID`` and ``enforcement ID ACCOUNT`` once durable, forever.
"""

from __future__ import annotations

import sys
import time
from random import Random

from gardefou.bootstrap import Parts, make_app
from gardefou.clock import SystemClock
from gardefou.flow.decide import enforce
from gardefou.flow.due import run_due
from gardefou.flow.report_input import NewReport
from gardefou.flow.reports import take_many
from gardefou.flow.restore import restore
from gardefou.flow.spec import Wanted
from gardefou.ledger.note import Signer
from gardefou.people.authenticate import by_staff
from gardefou.platforms.sandbox import Sandbox
from gardefou.storage.engine import open_store


def say(*words: str) -> None:
    sys.stdout.write(" ".join(words) + "\n")
    sys.stdout.flush()


def main(url: str, number: int) -> None:
    random = Random()
    clock = SystemClock()
    parts = Parts(clock, random, random.randbytes, time.sleep)
    app = make_app(open_store(url), parts, signer=Signer.generate("gardefou-test", Random(0).randbytes))
    with app.works.read() as connection:
        actor = by_staff(connection, "rev", now=clock.now(), via="console")
    desk = app.connector("sandbox")
    assert isinstance(desk, Sandbox)
    turn = 0
    while True:
        turn += 1
        ref = f"k{number}-{turn}"
        desk.put_account(ref, handle=f"somebody {number} {turn}", reach=1)
        report = NewReport(platform="sandbox", kind="account", account=ref, reporter=f"u{turn}", category="spam")
        for taken in take_many(app, actor, [report]):
            say("report", taken.report)
        made = enforce(app, actor, Wanted(platform="sandbox", account=ref, action="limit", policy="spam"))
        say("enforcement", made.id, ref)
        if turn % 5 == 0:
            restore(app, actor, "sandbox", ref, "a mistake")
        app.sequencer.integrate()
        run_due(app)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
