"""What happens to a report, in the sequence it lives it.

    reports.py    taken and acknowledged (report_merge.py: merged into cases)
    meet.py       who is reported is read once, for the queue
    cases.py      queue, claim, skip, move, escalate, note
    decide.py     a reviewer's judgement
    place.py      a decision becomes enforcements, and the nets speak
    approve.py    another person's yes or no (approvals.py: whose yes counts)
    execute.py    the one choke point: the only caller of a platform's apply and undo
                  (recheck.py: what is read anew; intend.py: what is recorded before;
                  outcome.py: what became of it; settle.py: what nobody knows the end of)
    watch.py      what the platform is seen to be
    restore.py    withdrawing what was imposed
    due.py        what the clock brings: holds, hours, deadlines, expiries, retries

Beside it: `change.py` (guarded changes), `break_glass.py`, `stops.py`,
`breaker.py`, `budget.py`, `incidents.py`, `observe.py` (readings and tiers),
`facts.py` (what nets are told). Each function is one change of state, called
alike by API, console, command line and worker.
"""
