"""Names, volumes, policies, and what a grant turns into, whatever it is given."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from srctl import planning, policy
from srctl.errors import NotAllowedError, UsageError
from srctl.labels import EXTRA, RUNINFO
from srctl.models import Application, ContainerSpec, Grant, Image, Mount, Policy, StartRequest, User, Volume

TYPE = "eu.simphony-project.docker.type"
ENV = "eu.simphony-project.docker.env."
NOW = datetime(2030, 1, 1, tzinfo=UTC)
SESSION = "5" * 32
DEFAULT = Policy()
WEB = Application("web:latest", 1)
ANN = User(7, "ann@example.org", NOW)

names = st.from_regex(r"[A-Za-z0-9_@+][A-Za-z0-9._@+-]{0,63}", fullmatch=True)
tricky_names = st.text("_@+405F2Ba.-", min_size=1, max_size=8).filter(lambda name: name[0] not in ".-")
realms = st.text("a-._1", min_size=1, max_size=6).filter(lambda realm: realm[0] not in "-._")
owners = st.tuples(realms, st.one_of(names, tricky_names), st.integers(1, 15))
paths = st.lists(st.text("ab.-_ é", min_size=1, max_size=4).filter(lambda part: part != ".."), max_size=4).map(
    lambda parts: "/" + "/".join(parts)
)
volumes = st.builds(Volume, paths, paths.filter(lambda path: set(path) - {"/", "."}), st.sampled_from(["ro", "rw"]))


class TestNames:
    @given(names)
    def test_a_good_name_is_taken(self, name: str) -> None:
        policy.check_user_name(name)

    @given(st.text(max_size=70))
    def test_every_other_name_is_refused(self, name: str) -> None:
        good = re.fullmatch(r"[A-Za-z0-9._@+-]{1,64}", name) and name[0] not in "-."
        if not good:
            with pytest.raises(UsageError):
                policy.check_user_name(name)

    @given(st.one_of(names, tricky_names), st.one_of(names, tricky_names))
    def test_slugs_are_safe_in_urls_and_distinct_for_distinct_names(self, one: str, other: str) -> None:
        assert re.fullmatch(r"[A-Za-z0-9._-]+", policy.slug(one))
        assert (policy.slug(one) == policy.slug(other)) == (one == other)

    @given(names)
    def test_a_unix_name_is_one_and_never_root(self, name: str) -> None:
        assert re.fullmatch(r"[a-z_][a-z0-9_-]{0,31}", policy.unix_name(name))
        assert policy.unix_name(name) != "root"

    @pytest.mark.parametrize("name", ["root", "Root", "ROOT"])
    def test_a_user_called_root_is_not_root_inside(self, name: str) -> None:
        assert policy.unix_name(name) == "user"

    @given(names, names)
    def test_containers_of_two_grants_never_share_a_name(self, one: str, other: str) -> None:
        assert policy.container_name("r", one, "1" * 32) != policy.container_name("r", other, "2" * 32)
        assert re.fullmatch(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+", policy.container_name("r", one, "1" * 32))

    @given(owners, owners)
    @example(("srctl", "prod-ada", 1), ("srctl-prod", "ada", 1))
    @example(("a", "b-1", 2), ("a", "b", 12))
    @example(("a-", "b", 1), ("a", "_-b", 1))
    def test_realm_user_and_id_never_share_a_home_or_a_container(
        self, one: tuple[str, str, int], other: tuple[str, str, int]
    ) -> None:
        volumes = [policy.home_volume(realm, User(number, name, NOW)) for realm, name, number in (one, other)]
        assert re.fullmatch(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+", volumes[0])
        assert (volumes[0] == volumes[1]) == (one == other)
        containers = [policy.container_name(realm, name, f"{number:x}" * 32) for realm, name, number in (one, other)]
        assert (containers[0] == containers[1]) == (one == other)


class TestVolumes:
    @given(volumes)
    def test_a_volume_is_read_as_it_is_written(self, volume: Volume) -> None:
        checked = policy.check_volume(volume)
        assert policy.parse_volume(f"{checked.source}:{checked.target}:{checked.mode}") == checked
        assert policy.check_volume(checked) == checked

    @given(st.text("/.:arowé\n\x00 ", max_size=14))
    def test_whatever_is_read_is_absolute_plain_and_not_the_root(self, text: str) -> None:
        try:
            volume = policy.parse_volume(text)
        except UsageError:
            return
        for path in (volume.source, volume.target):
            assert path.startswith("/")
            assert not {"..", "."} & set(path.split("/"))
            assert not path.startswith("//")
            assert path.isprintable()
        assert volume.target != "/"
        assert volume.mode in ("ro", "rw")


class TestPolicies:
    @given(st.lists(volumes, max_size=4), st.randoms())
    def test_the_order_of_volumes_makes_no_difference(self, listed: list[Volume], random: object) -> None:
        try:
            first = policy.make_policy(volumes=listed)
        except UsageError:
            return
        shuffled = listed.copy()
        random.shuffle(shuffled)  # type: ignore[attr-defined]
        assert policy.make_policy(volumes=shuffled) == first
        assert policy.make_policy(volumes=first.volumes) == first

    @given(paths, st.sampled_from(["ro", "rw"]))
    def test_two_volumes_never_share_a_target(self, source: str, mode: str) -> None:
        twins = [Volume("/a", "/target", "ro"), Volume(source, "/./target/", mode)]
        with pytest.raises(UsageError, match="/target"):
            policy.make_policy(volumes=twins)

    def test_an_empty_licence_is_none(self) -> None:
        assert policy.make_policy(license="") == Policy()

    def test_a_licence_has_lines_but_no_control_characters(self) -> None:
        assert policy.make_policy(license="a\n\tb").license == "a\n\tb"
        with pytest.raises(UsageError):
            policy.make_policy(license="a\x1bb")

    def test_a_policy_is_told_in_words_without_the_licence_s_text(self) -> None:
        assert policy.in_words(Policy()) == "default"
        everything = Policy(True, True, True, "SECRET", (Volume("/srv", "/data", "ro"),))
        assert policy.in_words(everything) == "home, view, start-up data, licence, /srv:/data:ro"


def order(
    *,
    labels: dict[str, str] | None = None,
    permits: Policy = DEFAULT,
    application: Application = WEB,
    user: User = ANN,
    **request: object,
) -> planning.Order:
    """Return an order for an image that follows the protocol."""
    image = Image("sha256:1", labels={TYPE: "vncapp"} if labels is None else labels, ports=(8888,))
    wanted = StartRequest(application.image, **request)  # type: ignore[arg-type]
    return planning.Order(user, Grant("a" * 32, user.name, application, permits, NOW), image, wanted, "lab", SESSION)


def plan(**options: object) -> ContainerSpec:
    return planning.plan(order(**options))  # type: ignore[arg-type]


class TestPlan:
    def test_the_protocol_s_labels_and_variables_are_set(self) -> None:
        spec = plan()
        base = "/user/ann_40example.org"
        assert spec.labels[RUNINFO + "user"] == "ann@example.org"
        assert spec.labels[RUNINFO + "mapping_id"] == "a" * 32
        assert spec.labels[RUNINFO + "url_id"] == SESSION
        assert spec.labels[RUNINFO + "realm"] == "lab"
        assert spec.labels[RUNINFO + "urlpath"] == f"{base}/containers/{SESSION}"
        assert spec.env == {
            "JPY_USER": "ann@example.org",
            "JPY_BASE_USER_URL": base,
            "USER": "ann_example_org",
            "URL_ID": SESSION,
        }

    def test_what_we_need_later_stands_in_labels_of_ours(self) -> None:
        spec = plan(application=Application("web:latest", 1, title="Page", port=80, scheme="https"))
        ours = {name.removeprefix(EXTRA): value for name, value in spec.labels.items() if name.startswith(EXTRA)}
        expected = {"image": "web:latest", "port": "80", "scheme": "https", "title": "Page", "user_id": "7"}
        assert expected.items() <= ours.items()
        assert {"path", "profile"} <= set(ours)

    @given(names)
    def test_no_name_leads_out_of_its_own_path(self, name: str) -> None:
        spec = plan(user=User(1, name, NOW))
        assert re.fullmatch(r"/user/[A-Za-z0-9._-]+/containers/[0-9a-f]{32}", spec.labels[RUNINFO + "urlpath"])
        assert spec.env["USER"]
        assert spec.env["USER"] != "root"

    @given(st.dictionaries(st.text(max_size=12), st.text(max_size=12), max_size=4))
    def test_no_variable_of_the_request_overrides_one_of_ours(self, env: dict[str, str]) -> None:
        try:
            spec = plan(env=env, permits=Policy(license="27000@l"))
        except UsageError:
            return
        assert spec.env["URL_ID"] == SESSION
        assert spec.env["APP_LICENSE"] == "27000@l"
        assert all(re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", name) for name in spec.env)
        assert not any("\0" in value for value in spec.env.values())

    @pytest.mark.parametrize(
        "name", ["USER", "user", "JPY_X", "X11_DEPTH", "LD_AUDIT", "PATH", "STARTUPDATA", "A=B", ""]
    )
    def test_variables_of_protocol_and_loader_are_refused(self, name: str) -> None:
        with pytest.raises(UsageError):
            plan(env={name: "x"})

    def test_a_resolution_sets_three_variables_where_the_image_understands_them(self) -> None:
        labels = {TYPE: "vncapp"} | {f"{ENV}x11-{name}": "" for name in ("width", "height", "depth")}
        spec = plan(labels=labels, settings={"resolution": "1280x800"})
        assert {name: value for name, value in spec.env.items() if name.startswith("X11")} == {
            "X11_WIDTH": "1280",
            "X11_HEIGHT": "800",
            "X11_DEPTH": "16",
        }
        assert not any(name.startswith("X11") for name in plan(labels=labels).env)
        del labels[f"{ENV}x11-depth"]
        with pytest.raises(NotAllowedError, match="resolution"):
            plan(labels=labels, settings={"resolution": "1280x800"})

    @pytest.mark.parametrize(("declared", "allowed"), [(True, False), (False, True), (False, False)])
    def test_start_up_data_needs_both_image_and_grant(self, declared: bool, allowed: bool) -> None:
        labels = {TYPE: "vncapp"} | ({f"{ENV}startupdata": ""} if declared else {})
        with pytest.raises(NotAllowedError, match="startup-data"):
            plan(labels=labels, permits=Policy(allow_startup_data=allowed), startup_data="/data")

    def test_homes_belong_to_the_id_and_volumes_to_the_grant(self) -> None:
        permits = policy.make_policy(allow_home=True, volumes=[Volume("/srv/data", "/data", "ro")])
        assert plan(permits=permits).mounts == (
            Mount("bind", "/srv/data", "/data", read_only=True),
            Mount("volume", "srctl-home-lab-ann_40example.org-7", "/workspace"),
        )
        rooted = planning.plan(replace(order(permits=permits), home_root="/homes/"))
        assert rooted.mounts[1] == Mount("directory", "/homes/lab/ann_40example.org-7", "/workspace")

    def test_an_image_without_the_protocol_is_opened_at_its_own_path_verbatim(self) -> None:
        spec = plan(labels={}, application=Application("jupyter:1", 1, path="/lab?token=x"))
        assert spec.labels[EXTRA + "path"] == "/lab?token=x"

    def test_profiles_confine(self) -> None:
        strict, standard = plan(application=Application("w:1", profile="strict")).hardening, plan().hardening
        assert strict.read_only
        assert strict.cap_drop == ("ALL",)
        assert strict.user == "1000:1000"
        assert strict.memory
        assert standard.cap_drop
        assert not standard.cap_add

    def test_a_granted_volume_is_not_hidden_by_a_scratch_directory(self) -> None:
        permits = policy.make_policy(volumes=[Volume("/srv/data", "/tmp/", "ro"), Volume("/srv/x", "/run/x", "ro")])
        spec = plan(application=Application("w:1", profile="strict"), permits=permits)
        assert spec.hardening.tmpfs == ("/run",)
