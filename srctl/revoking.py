"""Which grants the words after `grant remove` and `grant edit` mean: ids, or an image and a user.

Neither asks, so nothing is guessed: names such as `ada` and `dad` look like beginnings of ids, and must never
remove the grant of somebody else.
"""

from collections.abc import Sequence

from srctl import policy
from srctl.accounting import Accounting
from srctl.errors import NotFoundError, UsageError
from srctl.models import Grant, Policy
from srctl.outcome import Outcome, try_each

_DIGITS = 4
"""How many digits of an id remove or change a grant at least."""


def revoke(
    accounting: Accounting, words: Sequence[str], permits: Policy, *, every: bool = False, stop: bool = False
) -> Outcome[str]:
    """Remove the grants that the words name, and give their ids.

    Of ids each is tried for itself, but of two, which could also be names, none is removed unless both are ids.
    Raises UsageError for ids with a policy or with fewer than 4 digits, and as `Accounting.remove_grants_of`.
    """
    with_policy = every or permits != Policy()
    if len(words) == 2 and (with_policy or not _are_ids(accounting, words)):
        return accounting.remove_grants_of(words[0], words[1], permits, every=every, stop=stop)
    if with_policy:
        raise UsageError("--all and policy options go with IMAGE USER, not with ids")
    for word in words:
        _check_digits(word, "remove")
    if len(words) == 2:
        found = try_each(words, accounting.grant)
        return (
            Outcome((), found.errors)
            if found.errors
            else accounting.remove_grants([each.id for each in found.done], stop=stop)
        )
    return accounting.remove_grants(words, stop=stop)


def alter(
    accounting: Accounting,
    word: str,
    permits: Policy,
    *,
    without: Sequence[str] = (),
    afresh: bool = False,
    stop: bool = False,
) -> Grant:
    """Change the policy of the grant that the word names: what is not given stays, but `afresh`, or `without` it.

    Raises as `revoke`, `policy.changed` and `Accounting.replace_grant`.
    """
    _check_digits(word, "change")
    before = accounting.grant(word)
    after = policy.changed(Policy() if afresh else before.policy, permits, without)
    return accounting.replace_grant(before.id, after, stop=stop)


def _check_digits(word: str, verb: str) -> None:
    if policy.is_grant_id(word.lower()) and len(word) < _DIGITS:
        raise UsageError(f"{word!r} is too little of an id to {verb} a grant", f"Use at least {_DIGITS} digits")


def _are_ids(accounting: Accounting, words: Sequence[str]) -> bool:
    """Tell whether two words are ids: they look so, and neither an application nor a user has such a name."""
    if not all(policy.is_grant_id(word) for word in words):
        return False
    return not (_is_application(accounting, words[0]) or _is_user(accounting, words[1]))


def _is_application(accounting: Accounting, name: str) -> bool:
    try:
        accounting.application(name)
    except (NotFoundError, UsageError):
        return False
    return True


def _is_user(accounting: Accounting, name: str) -> bool:
    try:
        accounting.user(name)
    except NotFoundError:
        return False
    return True
