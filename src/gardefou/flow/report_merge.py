"""Merging reports into cases: the work of the one transaction that takes them, a handful of statements for any number.

Whatever takes reports comes through `gardefou.flow.reports`. Every report has
its event in the ledger; the last one that touches a case in a transaction
carries that case's image.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from gardefou.clock import to_micros
from gardefou.domain.accounts import Tier
from gardefou.errors import NotFound
from gardefou.flow import priority
from gardefou.flow.app import App
from gardefou.flow.report_input import NewReport
from gardefou.flow.report_lookup import Subject, on_record, pulled_before, reported_before, reporters_since
from gardefou.flow.rules import Rules
from gardefou.people.actor import Actor
from gardefou.speech import gettext as _
from gardefou.storage import bulk, tables
from gardefou.storage.fast import together
from gardefou.storage.work import UnitOfWork

#: A report from these sources raises its case's priority.
_FLAGGERS = frozenset({"trusted_flagger", "authority"})


class Taken(NamedTuple):
    """What became of a report: its id, its case's id, and whether that case was there before."""

    report: str
    case: str
    merged: bool


class Given(NamedTuple):
    """A report with whoever brings it; ``pulled_key`` is the platform's own key of a pulled one."""

    actor: Actor
    report: NewReport
    pulled_key: str = ""


def unknown_platform(platform: str) -> NotFound:
    """Return the error of a report for a platform that is not there (`platform/not_found`)."""
    return NotFound(
        "platform/not_found",
        _("There is no active platform %(platform)s; see `gardefou platform list`.", platform=repr(platform)),
        field="platform",
    )


class _Draft:
    """A case as this transaction will leave it."""

    __slots__ = ("fresh", "image", "known", "lately", "places", "reporters")

    def __init__(self, image: bulk.Image, *, fresh: bool) -> None:
        self.image = image
        self.fresh = fresh
        #: Places in the batch of the reports that it gets.
        self.places: list[int] = []
        #: Who reported in this batch; who of them had before; who had lately.
        self.reporters: set[str] = set()
        self.known: set[str] | frozenset[str] = frozenset()
        self.lately: set[str] | frozenset[str] = frozenset()


class _Category(NamedTuple):
    gravity: int
    queue: str
    due: int


_NEW_CASE: bulk.Image = {
    "account": "",
    "burst": False,
    "category": "",
    "claim_renewed": False,
    "claimed_by": None,
    "claimed_until": None,
    "closed_at": None,
    "content": "",
    "decision_id": None,
    "due_at": 0,
    "escalated": False,
    "evidence_seen_by": [],
    "id": "",
    "last_report_at": 0,
    "opened_at": 0,
    "platform": "",
    "priority": 0,
    "queue": "",
    "reporters": 0,
    "reports": 0,
    "skipped_by": [],
    "state": "open",
    "trusted_flagger": False,
    "version": 0,
}
_NEW_REPORT: bulk.Image = {
    "account": "",
    "case_id": "",
    "category": "",
    "claimed_at": None,
    "content": "",
    "evidence": [],
    "id": "",
    "kind": "",
    "platform": "",
    "pulled_key": "",
    "received_at": 0,
    "reporter": "",
    "source": "",
    "text": "",
    "version": 1,
}


class Batch:
    """The work of one transaction."""

    def __init__(self, uow: UnitOfWork, app: App) -> None:
        self.uow = uow
        self.connection = uow.connection
        self.salts = app.works.salts
        #: Read with everything else.
        self.rules = Rules()
        self.at = to_micros(uow.now)
        self._categories: dict[str, _Category] = {}
        #: What every case that is opened, and every report, begins with.
        self._new_case = _NEW_CASE | {"last_report_at": self.at, "opened_at": self.at}
        self._new_report = _NEW_REPORT | {"received_at": self.at}

    def take(self, given: Sequence[Given]) -> list[Taken]:
        """Write everything; return one answer a report, in sequence."""
        before = self._pulled_before(given)
        fresh = self._without_repeats(given, before)
        subjects = [(one.report.platform, one.report.account, one.report.content or "") for one in fresh]
        known = on_record(self.connection, sorted(set(subjects)), at=self.at)
        missing = {one.report.platform for one in given} - known.platforms
        if missing:
            raise unknown_platform(min(missing))
        self.rules, tiers = known.rules, known.tiers
        drafts = self._drafts(sorted(set(subjects)), known.cases)
        ids = self.uow.ids.many(len(fresh))
        for place, (one, subject) in enumerate(zip(fresh, subjects, strict=True)):
            draft = drafts[subject]
            draft.places.append(place)
            draft.reporters.add(one.report.reporter)
        self._look_back(drafts)
        for (platform, account, _subject), draft in drafts.items():
            self._settle(draft, [fresh[place] for place in draft.places], tiers.get((platform, account), Tier.STANDARD))
        self._write(fresh, ids, subjects, drafts)
        return self._answers(given, before, ids, subjects, drafts)

    # what was there before --------------------------------------------------

    def _pulled_before(self, given: Sequence[Given]) -> dict[tuple[str, str], Taken]:
        found: dict[tuple[str, str], Taken] = {}
        for platform in {one.report.platform for one in given if one.pulled_key}:
            keys = [one.pulled_key for one in given if one.pulled_key and one.report.platform == platform]
            for key, report, case in pulled_before(self.connection, platform, keys):
                found[platform, key] = Taken(report, case, merged=True)
        return found

    def _without_repeats(self, given: Sequence[Given], before: dict[tuple[str, str], Taken]) -> list[Given]:
        seen: set[tuple[str, str]] = set(before)
        fresh: list[Given] = []
        for one in given:
            if one.pulled_key:
                key = (one.report.platform, one.pulled_key)
                if key in seen:
                    continue
                seen.add(key)
            fresh.append(one)
        return fresh

    def _drafts(self, subjects: Sequence[Subject], cases: Mapping[Subject, bulk.Image]) -> dict[Subject, _Draft]:
        """Return every subject's case, the open one or a new one, in the sequence of subjects."""
        new = iter(self.uow.ids.many(len(subjects) - len(cases)))
        return {
            subject: _Draft(cases[subject], fresh=False)
            if subject in cases
            else _Draft(self._opened(subject, next(new)), fresh=True)
            for subject in subjects
        }

    def _opened(self, subject: Subject, case_id: str) -> bulk.Image:
        platform, account, content = subject
        # Copied with the lists of the one that it begins with: nothing here changes a list in its place.
        image = self._new_case.copy()
        image["platform"], image["account"], image["content"], image["id"] = platform, account, content, case_id
        return image

    def _look_back(self, drafts: Mapping[Subject, _Draft]) -> None:
        """Find out who had reported the same before, and who had lately."""
        older: dict[str, dict[str, _Draft]] = {}
        for draft in drafts.values():
            if not draft.fresh:
                older.setdefault(draft.image["platform"], {})[draft.image["id"]] = draft
        window = self.rules.burst_seconds * 1_000_000
        for platform, cases in older.items():
            pairs = [(case, reporter) for case, draft in cases.items() for reporter in draft.reporters]
            for case, reporter in reported_before(self.connection, platform, pairs):
                cases[case].known |= {reporter}
            lively = [
                case
                for case, draft in cases.items()
                if not draft.image["burst"]
                and draft.image["last_report_at"] > self.at - window
                and draft.image["reporters"] + len(draft.reporters) >= self.rules.burst_reporters
            ]
            if not lively:
                continue
            for case, reporter in reporters_since(self.connection, platform, lively, self.at - window):
                cases[case].lately |= {reporter}

    # what is now ------------------------------------------------------------

    def _settle(self, draft: _Draft, given: Sequence[Given], tier: Tier) -> None:
        """Bring a case's counts, category, queue, clock and priority up to date."""
        case = draft.image
        old = 0
        if not draft.fresh:
            old = self._of(case["category"]).gravity + priority.crowd(
                case["reporters"], burst=case["burst"], flagger=case["trusted_flagger"]
            )
        category = case["category"]
        sources: set[str] = set()
        for one in given:
            sources.add(one.actor.source)
            named = one.report.category
            if not category or (named != category and self._of(named).gravity > self._of(category).gravity):
                category = named
        meant = self._of(category)
        if category != case["category"]:
            case["category"], case["queue"] = category, meant.queue
            case["due_at"] = meant.due if draft.fresh else min(meant.due, case["due_at"])
        flagger = case["trusted_flagger"] = case["trusted_flagger"] or "trusted_flagger" in sources
        case["reports"] += len(given)
        reporters = case["reporters"] = case["reporters"] + len(draft.reporters - draft.known)
        burst = case["burst"] = case["burst"] or len(draft.lately | draft.reporters) >= self.rules.burst_reporters
        case["last_report_at"] = self.at
        case["version"] += 1
        # An authority leaves no mark on the case but this; later reports add to it all the same.
        now = meant.gravity + priority.crowd(
            reporters, burst=burst, flagger=flagger or not _FLAGGERS.isdisjoint(sources)
        )
        whole = now + priority.of_tier(tier) + (priority.ESCALATED if case["escalated"] else 0)
        if draft.fresh:
            case["priority"] = whole
        else:
            grown = meant.gravity + priority.crowd(reporters, burst=burst, flagger=flagger) - old
            case["priority"] = max(case["priority"] + grown, whole)

    def _of(self, category: str) -> _Category:
        """Return what a category means at this moment; looked up once a transaction."""
        known = self._categories.get(category)
        if known is None:
            queue = self.rules.queue_for(category)
            due = to_micros(self.uow.now + self.rules.clock_of(queue))
            known = self._categories[category] = _Category(priority.gravity(self.rules, category), queue, due)
        return known

    def _write(
        self,
        fresh: Sequence[Given],
        ids: Sequence[str],
        subjects: Sequence[Subject],
        drafts: Mapping[Subject, _Draft],
    ) -> None:
        images: list[bulk.Image] = []
        events: list[bulk.Noted] = []
        for place, (one, report_id, subject) in enumerate(zip(fresh, ids, subjects, strict=True)):
            draft = drafts[subject]
            image = self._report(one, report_id, draft.image["id"])
            images.append(image)
            last = draft.places[-1] == place
            events.append(
                bulk.Noted(
                    kind="report.taken",
                    by=one.actor.id,
                    platform=subject[0],
                    account=subject[1],
                    about=draft.image["id"],
                    detail={"merged": not (draft.fresh and draft.places[0] == place)},
                    rows=[["report", image], ["cases", draft.image]] if last else [["report", image]],
                )
            )
        # Cases first and sorted: who opens the same one at the same time meets there, and not halfway.
        bulk.update_images(self.connection, tables.case, [one.image for one in drafts.values() if not one.fresh])
        with together(self.connection):
            bulk.insert_images(self.connection, tables.case, [one.image for one in drafts.values() if one.fresh])
            bulk.insert_images(self.connection, tables.report, images)
            bulk.write_events(self.connection, events, now=self.uow.now, ids=self.uow.ids, salts=self.salts)

    def _report(self, given: Given, report_id: str, case_id: str) -> bulk.Image:
        report = given.report
        image = self._new_report.copy()
        image["account"] = report.account
        image["case_id"] = case_id
        image["category"] = report.category
        if report.at is not None:
            image["claimed_at"] = to_micros(report.at)
        if report.content:
            image["content"] = report.content
        if report.evidence:
            image["evidence"] = [dict(one) for one in report.evidence]
        image["id"] = report_id
        image["kind"] = report.kind
        image["platform"] = report.platform
        image["pulled_key"] = given.pulled_key
        image["reporter"] = report.reporter
        image["source"] = given.actor.source
        image["text"] = report.text
        return image

    def _answers(
        self,
        given: Sequence[Given],
        before: Mapping[tuple[str, str], Taken],
        ids: Sequence[str],
        subjects: Sequence[Subject],
        drafts: Mapping[Subject, _Draft],
    ) -> list[Taken]:
        known = dict(before)
        answers: list[Taken] = []
        place = 0
        for one in given:
            key = (one.report.platform, one.pulled_key)
            if one.pulled_key and key in known:
                answers.append(known[key])
                continue
            draft = drafts[subjects[place]]
            taken = Taken(ids[place], draft.image["id"], merged=not (draft.fresh and draft.places[0] == place))
            if one.pulled_key:
                known[key] = Taken(taken.report, taken.case, merged=True)
            answers.append(taken)
            place += 1
        return answers
