"""Tells that a work package was done."""

from contract_events import envelope


def done(work_package):
    return envelope(f"done-{work_package}", "work_package_done", {"work_package": work_package})
