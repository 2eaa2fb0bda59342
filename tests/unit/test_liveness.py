from dataclasses import dataclass, field

import pytest
from paramiko.ssh_exception import SSHException

from srctl.tunnel.liveness import COUNT, INTERVAL, Clocks, Liveness


@dataclass
class World:
    """Two clocks, and a peer that may answer."""

    wall: float = 1_000_000.0
    steady: float = 100.0
    heard: float = 100.0
    answers: bool = True
    probes: list[float] = field(default_factory=list)

    def liveness(self) -> Liveness:
        return Liveness(INTERVAL, COUNT, self.probe, Clocks(lambda: self.wall, lambda: self.steady))

    def probe(self) -> None:
        self.probes.append(self.steady)

    def pass_time(self, liveness: Liveness, seconds: float) -> None:
        """Let time go by in beats of half a second; an answer takes 0.1 s."""
        for _ in range(round(seconds * 2)):
            self.wall += 0.5
            self.steady += 0.5
            before = len(self.probes)
            liveness.beat(self.heard)
            if self.answers and len(self.probes) > before:
                self.heard = self.steady + 0.1


def test_a_peer_that_answers_is_probed_in_silence_and_lives() -> None:
    world = World()
    world.pass_time(world.liveness(), 60)
    assert 20 <= len(world.probes) <= 30


def test_a_peer_that_talks_is_not_probed() -> None:
    world = World()
    liveness = world.liveness()
    for _ in range(100):
        world.heard = world.steady
        world.pass_time(liveness, 0.5)
    assert world.probes == []


def test_three_unanswered_probes_end_a_silent_peer_within_eight_seconds() -> None:
    world = World(answers=False)
    with pytest.raises(SSHException, match="no answer for 7 s"):
        world.pass_time(world.liveness(), 60)
    assert len(world.probes) == COUNT
    assert world.steady - 100.0 < 8


def test_a_silence_of_five_seconds_is_forgiven() -> None:
    world = World(answers=False)
    liveness = world.liveness()
    world.pass_time(liveness, 5)
    world.answers, world.heard = True, world.steady
    world.pass_time(liveness, 60)


def test_a_computer_that_wakes_probes_at_once_and_gives_the_peer_time() -> None:
    world = World()
    liveness = world.liveness()
    world.pass_time(liveness, 1)
    assert world.probes == []
    world.wall += 3600
    world.pass_time(liveness, 0.5)
    assert world.probes == [world.steady]


def test_where_the_steady_clock_runs_on_in_sleep_a_peer_is_asked_before_it_is_given_up() -> None:
    world = World()
    liveness = world.liveness()
    world.pass_time(liveness, 1)
    world.wall += 3600
    world.steady += 3600
    world.pass_time(liveness, 5)
    assert world.probes[0] - world.steady >= -5


def test_the_first_answer_to_a_single_probe_tells_the_round_trip() -> None:
    world = World()
    liveness = world.liveness()
    assert liveness.answered() is None
    liveness.ask()
    world.steady += 0.25
    assert liveness.answered() == 0.25
    assert liveness.answered() is None
