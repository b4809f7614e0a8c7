"""A process to be killed while it rolls a person back: ``python rolled_child.py URL``. Says each account it did."""

from __future__ import annotations

import sys
import time
from datetime import timedelta
from random import Random

from gardefou.bootstrap import Parts, make_app
from gardefou.clock import SystemClock
from gardefou.flow.rollback import begin_rollback, carry
from gardefou.ledger.note import Signer
from gardefou.people.authenticate import by_staff
from gardefou.storage.engine import open_store


def say(*words: object) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


def main(url: str) -> None:
    random, clock = Random(), SystemClock()
    parts = Parts(clock, random, random.randbytes, time.sleep)
    app = make_app(open_store(url), parts, signer=Signer.generate("gardefou-test", Random(0).randbytes))
    with app.works.read() as connection:
        actor = by_staff(connection, "lead", now=clock.now(), via="cli")
    begun = begin_rollback(app, actor, by="rev", since=clock.now() - timedelta(hours=1)).record
    if begun is not None:
        say("begun", begun.id)
        carry(app, begun.id, told=lambda done, _: say("done", done))
    # Never the end of its own making: it is killed.
    while True:
        time.sleep(1)


if __name__ == "__main__":
    main(sys.argv[1])
