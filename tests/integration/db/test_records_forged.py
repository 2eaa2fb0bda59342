"""Labels that no database can hold: what they say is left out, and everybody else is looked after."""

from dataclasses import replace

from srctl import labels
from srctl.db.store import SqlStore
from srctl.enforcing import Enforcer
from srctl.lifetimes import Rules
from srctl.reaping import Reaper
from srctl.sessions import Sessions
from tests.fakes import FakeEngine, only, other_process


def test_a_forged_session_keeps_no_other_from_being_written_down(store: SqlStore) -> None:
    engine = FakeEngine()
    session_id = other_process(engine, started=True)
    real = only(engine)
    for number, name in enumerate(("x" * 1000, "ann")):
        marks = {labels.RUNINFO + "user": name, labels.RUNINFO + "url_id": f"{number:032x}"}
        marks |= {labels.EXTRA + "user_id": "9" * 18, labels.RUNINFO + "mapping_id": "y" * 100}
        over = replace(real, id=f"{number:064x}", name=f"forged-{number}", labels={**real.labels, **marks})
        engine.stored = {over.id: replace(over, state="running" if number else "exited"), **engine.stored}
    sessions = Sessions(engine, lambda: store, user="root", realm="test")
    for _ in range(2):
        Reaper(sessions, store, Enforcer(lambda: engine), None, Rules(), clock=engine.time.clock()).run().check()
    assert session_id in {each.session_id for each in store.records.running("test")}
