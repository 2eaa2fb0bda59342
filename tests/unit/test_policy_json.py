"""How policies are written: canonical, stable over versions, and never read with a limit lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from srctl.db.policy_json import canonical, digest, dump, load
from srctl.errors import ConflictError, SrctlError
from srctl.models import Policy, Volume

volumes = st.builds(Volume, st.text(), st.text(), st.sampled_from(["ro", "rw"]))
policies = st.builds(
    Policy,
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.none() | st.text(),
    st.lists(volumes, max_size=4, unique_by=lambda volume: volume.target).map(tuple),
)


@given(policies)
def test_what_is_written_is_read_again(policy: Policy) -> None:
    assert load(dump(policy)) == canonical(policy)
    assert dump(load(dump(policy))) == dump(policy)


@given(policies, policies)
def test_the_digest_tells_policies_apart(one: Policy, other: Policy) -> None:
    assert (digest(dump(one)) == digest(dump(other))) == (canonical(one) == canonical(other))


def test_only_what_differs_from_the_default_is_written() -> None:
    assert dump(Policy()) == "{}"
    assert dump(Policy(allow_view=True, license="")) == '{"allow_view":true}'


def test_digests_stay_as_they_are_in_existing_databases() -> None:
    assert digest(dump(Policy())) == "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    policy = Policy(allow_home=True, license="x", volumes=(Volume("/a", "/b", "ro"),))
    assert dump(policy) == '{"allow_home":true,"license":"x","volumes":[{"mode":"ro","source":"/a","target":"/b"}]}'


def test_a_field_of_a_later_version_is_refused_not_ignored() -> None:
    with pytest.raises(ConflictError, match="max_sessions"):
        load('{"max_sessions":1}')


@pytest.mark.parametrize("text", ["", "nonsense", "[1]", "1", '{"volumes":[{}]}', '{"volumes":1}'])
def test_what_is_no_policy_is_an_error(text: str) -> None:
    with pytest.raises(SrctlError, match="cannot be read"):
        load(text)
