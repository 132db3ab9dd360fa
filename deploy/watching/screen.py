"""A report on one screen, for a person."""

from __future__ import annotations

from collections.abc import Iterator

from deploy.watching.report import Report, RoleSeen

RED, GREEN, FAINT, PLAIN = "\x1b[31m", "\x1b[32m", "\x1b[2m", "\x1b[0m"
MOST_SHOWN = 10
UNITS = ("B", "kB", "MB", "GB", "TB")


def lines_of(report: Report, *, coloured: bool) -> Iterator[str]:
    """The lines. Colours are for a terminal."""

    def in_colour(colour: str, text: str) -> str:
        return f"{colour}{text}{PLAIN}" if coloured else text

    kind = f"{report.mode} ledger of {report.organiser}" if report.organiser else report.mode or "not looked into"
    yield f"{report.ledger}: {kind}" + (f", it is {report.now}" if report.now else "")
    if report.head is not None:
        yield f"position {report.head} in epoch {report.epoch}"
    yield ""
    yield f"{'role':<14}{'state':<26}before it"
    for role in report.roles:
        state = _state(role)
        colour = GREEN if state.startswith("runs") else RED
        yield f"{role.name:<14}{in_colour(colour, f'{state:<26}')}{_before(role)}"
    yield ""
    if report.recipients:
        yield "recipients    " + ", ".join(f"{number} {said}" for said, number in report.recipients.items())
    for name, number in sorted(report.late_recipients.items(), key=lambda one: -one[1])[:MOST_SHOWN]:
        yield f"              {name} is {number} records behind"
    if report.answers:
        yield "answers       " + ", ".join(f"{number} {said}" for said, number in sorted(report.answers.items()))
    if report.disk:
        yield "disk          " + ", ".join(f"{what} {_size(size)}" for what, size in report.disk.items())
    yield f"              {_size(report.disk_free)} free where the home folder is"
    taken = ", ".join(f"{part} {at}" for part, at in sorted(report.backups.items()))
    yield "backup        " + (taken or "none was taken with this home folder")
    yield ""
    for fault in report.faults:
        yield f"{in_colour(RED, fault.what)}: {fault.why}"
        yield f"    {in_colour(FAINT, fault.to_do)}"
    yield in_colour(GREEN, "all is well") if report.well else in_colour(RED, f"not well: {len(report.faults)}")


def _state(role: RoleSeen) -> str:
    if role.halted:
        return "halted"
    if role.runs_at:
        return f"runs at {role.runs_at}"
    return "does not answer" if role.was_at else "not seen"


def _before(role: RoleSeen) -> str:
    if role.behind is None:
        return "-"
    return f"{role.behind}" + (f", since {role.late_s:.0f} s" if role.behind and role.late_s >= 1 else "")


def _size(number: float) -> str:
    for unit in UNITS:
        if number < 1000 or unit == UNITS[-1]:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1000
    raise AssertionError("unreachable")
