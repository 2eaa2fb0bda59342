"""How policies are written: canonical, stable over versions, and never read with a limit lost."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from srctl.db.policy_json import canonical, digest, dump, dump_limits, load, load_limits
from srctl.errors import ConflictError, SrctlError
from srctl.models import Limits, Policy, Volume

moments = st.datetimes(min_value=datetime(2000, 1, 1), timezones=st.just(UTC))
limits = {
    "cpus": st.none() | st.floats(0.01, 64) | st.integers(1, 64),
    "memory": st.none() | st.integers(1, 2**50),
    "network": st.none() | st.sampled_from(["none", "isolated", "bridge"]),
    "read_only": st.none() | st.booleans(),
    "max_sessions": st.none() | st.integers(1, 99),
    "expires": st.none() | moments,
}
volumes = st.builds(Volume, st.text(), st.text(), st.sampled_from(["ro", "rw"]))
policies = st.builds(
    Policy,
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.none() | st.text(),
    st.lists(volumes, max_size=4, unique_by=lambda volume: volume.target).map(tuple),
    **limits,
)


@given(policies)
def test_what_is_written_is_read_again(policy: Policy) -> None:
    assert load(dump(policy)) == canonical(policy)
    assert dump(load(dump(policy))) == dump(policy)


@given(policies, policies)
def test_the_digest_tells_policies_apart(one: Policy, other: Policy) -> None:
    assert (digest(dump(one)) == digest(dump(other))) == (canonical(one) == canonical(other))


def test_the_defaults_of_an_application_are_written_alike() -> None:
    assert dump_limits(Limits()) == "{}"
    assert load_limits("{}") == Limits()
    assert load_limits(dump_limits(Limits(cpus=1.5, read_only=False))) == Limits(cpus=1.5, read_only=False)


def test_only_what_differs_from_the_default_is_written() -> None:
    assert dump(Policy()) == "{}"
    assert dump(Policy(allow_view=True, license="")) == '{"allow_view":true}'


def test_digests_stay_as_they_are_in_existing_databases() -> None:
    assert digest(dump(Policy())) == "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    limited = Policy(cpus=2, max_sessions=3, expires=datetime(2030, 1, 1, tzinfo=UTC))
    assert dump(limited) == '{"cpus":2.0,"expires":"2030-01-01T00:00:00+00:00","max_sessions":3}'
    policy = Policy(allow_home=True, license="x", volumes=(Volume("/a", "/b", "ro"),))
    assert dump(policy) == '{"allow_home":true,"license":"x","volumes":[{"mode":"ro","source":"/a","target":"/b"}]}'


def test_a_field_of_a_later_version_is_refused_not_ignored() -> None:
    with pytest.raises(ConflictError, match="max_frobs"):
        load('{"max_frobs":1}')
    with pytest.raises(ConflictError, match="allow_home"):
        load_limits('{"allow_home":true}')


@pytest.mark.parametrize("text", ["", "nonsense", "[1]", "1", '{"volumes":[{}]}', '{"volumes":1}'])
def test_what_is_no_policy_is_an_error(text: str) -> None:
    with pytest.raises(SrctlError, match="cannot be read"):
        load(text)
